"""Studies: what is trained already, what is missing, and training that."""

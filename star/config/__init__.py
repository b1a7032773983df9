"""Schema, composition and check of configurations; no MindSpore."""

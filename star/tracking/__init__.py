"""Records of runs: in MLflow, in their folders, and how they are found again."""

"""Where a run's numbers go, and how they are found again."""

"""Dry runs: jobs compiled for Ascend by MindSpore's own backend on a machine that has no such device."""

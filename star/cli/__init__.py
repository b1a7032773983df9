"""The commands, one a file: parsing only. MindSpore is imported by what they call, after the check."""

"""Embedding of tracklets from data sets, folders and videos into a file. MindSpore is imported by runs only."""

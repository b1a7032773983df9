"""Footage of users: videos with track files, and folders of tracklets, as splits that are read like a data set's."""

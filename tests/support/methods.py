"""Experiments that are other authors' published methods; tests/methods has their tests."""

METHODS = frozenset({"agw", "m3reid", "saadg"})
EXTRA = {"agw": (), "m3reid": ("schedule.tracklets=2",), "saadg": ("schedule.tracklets=2",)}
"""Overrides that each needs beside those that make a run small."""

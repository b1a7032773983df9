"""Experiments that are other authors' published methods; tests/methods has their tests."""

METHODS = frozenset({"agw"})
EXTRA = {"agw": ()}
"""Overrides that each needs beside those that make a run small."""

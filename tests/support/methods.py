"""Experiments that are other authors' published methods; tests/methods has their tests."""

EXTRA = {
    "agw": (),
    "iban": tuple(f"loss.{name}.from_epoch=0" for name in ("anaglyph_identity", "anaglyph_easy_positive", "reconstruction")),
    "m3reid": ("schedule.tracklets=2",),
    "mitml": ("loss.confusion.from_epoch=0",),
    "saadg": ("schedule.tracklets=2",),
}
"""Overrides that each needs beside those that make a run small."""
METHODS = frozenset(EXTRA)

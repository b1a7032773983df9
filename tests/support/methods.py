"""Experiments that are other authors' published methods; tests/methods has their tests."""

EXTRA = {
    "agw": (),
    "iban": (
        *("loss.anaglyph_identity.from_epoch=0", "loss.anaglyph_easy_positive.from_epoch=0"),
        "loss.reconstruction.from_epoch=0",
    ),
    "m3reid": ("schedule.tracklets=2",),
    "mitml": ("loss.confusion.from_epoch=0",),
    "saadg": ("schedule.tracklets=2",),
}
"""Overrides that each needs beside those that make a run small."""
METHODS = frozenset(EXTRA)

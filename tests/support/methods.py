"""Experiments that are other authors' published methods; tests/methods has their tests."""

EXTRA = {
    "agw": (),
    "clip_prototypes": ("backbone=clip_cpu", "backbone.layers=2"),
    "iban": (
        *("loss.anaglyph_identity.from_epoch=0", "loss.anaglyph_easy_positive.from_epoch=0"),
        "loss.reconstruction.from_epoch=0",
    ),
    "m3reid": ("schedule.tracklets=2",),
    "mitml": ("loss.confusion.from_epoch=0",),
    "saadg": ("schedule.tracklets=2",),
    "vld": (
        *("backbone=clip_cpu", "backbone.layers=3", "branch.identity_prompts.layers=1"),
        *("schedule.tracklets=2", "schedule.warmup_epochs=1"),
    ),
}
"""Overrides that each needs beside those that make a run small."""
METHODS = frozenset(EXTRA)
EITHER_SIGN = frozenset({"clip_prototypes", "vld"})
"""Those whose features may be negative: guidance takes frames alone."""
GUIDED = [
    (method, guidance)
    for method in sorted(METHODS)
    for guidance in ("frame", "sequence", "full")
    if guidance == "frame" or method not in EITHER_SIGN
]
"""Every method with what guides it."""

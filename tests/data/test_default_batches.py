"""The default recipe stays what it is: batches of a seed against checksums stored before the optional augmentations."""

import hashlib

import pytest

from star.data.loader import TrainLoader

DEFAULTS = {"pad": 4, "flip": 0.5, "erase": 0.5, "erase_area": (0.02, 0.4), "erase_aspect": (0.3, 3.3)}
CHECKSUMS = {
    (48, 24): ("c78f0ef13002a70a", "7ff3c446faab705c"),
    (64, 40): ("b9b3928431a17c63", "d6d05840d0d720af"),
}
"""By frame size (that of the stored frames, and a larger one): of all pixels, of all joints and labels."""


def _checksum(*arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


@pytest.mark.parametrize("size", CHECKSUMS)
def test_batches_of_the_default_options_are_bit_identical(whole, size):
    height, width = size
    loader = TrainLoader(
        whole.train, frames=4, height=height, width=width, **DEFAULTS, identities=2, tracklets=2, seed=0, workers=2
    )
    batches = list(loader.epoch(0))
    pixels = [half for batch in batches for half in (batch.visible, batch.infrared)]
    others = [part for b in batches for part in (b.visible_joints, b.infrared_joints, b.identities)]
    assert (_checksum(*pixels), _checksum(*others)) == CHECKSUMS[size]

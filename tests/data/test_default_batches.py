"""The default recipe stays what it is: batches of a seed against checksums stored before the optional augmentations."""

import hashlib

import numpy as np
import pytest
from support.loaders import train_loader
from support.tiny_vcm import plain_joints, write_skeletons, write_tiny_vcm

from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.index import read_names

CHECKSUMS = {
    (48, 24): ("c78f0ef13002a70a", "7ff3c446faab705c"),
    (64, 40): ("b9b3928431a17c63", "d6d05840d0d720af"),
}
"""By frame size (that of the stored frames, and a larger one): of all pixels, of all joints and labels."""


JOINTS_WITH_GAPS = "fd74720781738aba"


def _checksum(*arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]


def _batches(data, height, width, **options):
    loader = train_loader(data.train, frames=4, height=height, width=width, **options)
    return list(loader.epoch(0))


def _joints(batches):
    return _checksum(*(part for b in batches for part in (b.visible_joints, b.infrared_joints, b.identities)))


@pytest.mark.parametrize("size", CHECKSUMS)
def test_batches_of_the_default_options_are_bit_identical(whole, size):
    batches = _batches(whole, *size)
    pixels = _checksum(*(half for batch in batches for half in (batch.visible, batch.infrared)))
    assert (pixels, _joints(batches)) == CHECKSUMS[size]


def test_joints_of_frames_without_skeleton_are_bit_identical(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm", frames=20, skeletons=True)
    listed = read_names(tiny.index / "train_name.txt")
    joints = plain_joints()
    joints[3] = np.nan
    joints[4, 2] = 0.1
    write_skeletons(tiny.root / "dataset-train.h5", listed.names, listed.keys[::3], joints=joints)
    assert _joints(_batches(read_hitsz_vcm(tiny.root), 48, 24, min_confidence=0.2)) == JOINTS_WITH_GAPS

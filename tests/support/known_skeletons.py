"""Skeletons whose every number follows from the frame's key, and what a skeleton file holds."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from support.tiny_vcm import HEIGHT, WIDTH

from star.data.skeleton_stores import HDF5_FILES, Hdf5Skeletons
from star.pose.frame_list import FrameList


def known_joints(key: str) -> np.ndarray:
    """[17 3] float32 inside a frame of the small data set, confidence in 0.35..1; other for every key."""
    random = np.random.default_rng(zlib.crc32(key.encode()))
    low, high = [0, 0, 0.35], [WIDTH - 1, HEIGHT - 1, 1]
    return random.uniform(low, high, (17, 3)).astype(np.float32)


def read_all(out: Path, splits: Mapping[str, FrameList]) -> dict[str, np.ndarray | None]:
    """Joints of every frame of the index in the files of a folder."""
    stores = {split: Hdf5Skeletons(out / HDF5_FILES[split]) for split in splits}
    return {key: stores[split].read(key) for split, listed in splits.items() for key in listed.keys}


def assert_known(out: Path, splits: Mapping[str, FrameList], *, without: tuple[str, ...] = ()) -> None:
    """Every frame has its known joints, except those that have none."""
    for key, joints in read_all(out, splits).items():
        if key in without:
            assert joints is None, key
        else:
            assert joints is not None, key
            np.testing.assert_allclose(joints, known_joints(key), rtol=0, atol=1e-4, err_msg=key)

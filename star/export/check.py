"""Whether an export has the features that MindSpore computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.export.errors import ExportError
from star.inference.description import Description
from star.inference.model import Compute
from star.inference.run_network import RunNetwork
from star.types import MODALITIES, NUMBER_OF_JOINTS, ClipBatch, Modality

TOLERANCE = 1e-4
"""Largest difference between an export and MindSpore, as a share of the largest number of a feature."""


class Written(NamedTuple):
    """Files that have been checked, and what is said of them."""

    files: list[Path]
    said: str


def random_clips(description: Description, clips: int) -> ClipBatch:
    """Frames of noise, and joints all over them, some of which are missing."""
    rng = np.random.default_rng(clips)
    size = (clips, description.pictures, description.height, description.width, 3)
    frames = rng.integers(0, 256, size, dtype=np.uint8)
    joints = rng.random((clips, description.frames, NUMBER_OF_JOINTS, 3), dtype=np.float32)
    joints[rng.random(joints.shape[:3]) < 0.1] = 0
    return ClipBatch(frames, joints, clips)


def largest_difference(features: np.ndarray, expected: np.ndarray) -> float:
    """Of any number, as a share of the largest number of its row."""
    return float((np.abs(features - expected) / np.abs(expected).max(axis=1, keepdims=True)).max())


def check_features(
    name: str,
    compute: Compute,
    loaded: RunNetwork,
    *,
    clips: Sequence[int],
    modalities: Sequence[Modality] = MODALITIES,
) -> str:
    """Compare with the network on random clips.

    Args:
        name: of the file.
        compute: runs it.
        loaded: the network.
        clips: how many at a time, one after the other.
        modalities: of the clips.

    Returns:
        How much the features differ, in words.

    Raises:
        ExportError: more than the tolerance.
    """
    from mindspore import Tensor

    from star.models.embedder import Embedder

    found = []
    for modality in modalities:
        embedder = Embedder(loaded.network, modality)
        for number in clips:
            batch = random_clips(loaded.description, number)
            expected = embedder(Tensor(batch.frames), Tensor(batch.joints)).asnumpy()
            found.append(largest_difference(compute(batch, modality), expected))
    said = f"its features differ from MindSpore's by at most {max(found):.1e} of the largest number"
    if not max(found) <= TOLERANCE:
        raise ExportError(f"{name}: {said}, expected at most {TOLERANCE:g}; nothing is written")
    return said

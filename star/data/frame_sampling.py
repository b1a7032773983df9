"""Sampling of the frames of a clip from its tracklet (method, section "Training recipe").

The tracklet is cut into t chunks of ceil(n / t) frames, its last frame repeated where that needs more than n. Training
draws one frame of each chunk, the test takes the first of each.
"""

from __future__ import annotations

import numpy as np


def clip_positions(length: int, frames: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """Positions of a clip's frames within its tracklet.

    Args:
        length: n, frames of the tracklet, at least 1.
        frames: t, frames of the clip.
        rng: draws one frame of each chunk; None takes the first of each.

    Returns:
        [t] int64, ascending, within 0 .. n - 1.
    """
    chunk = -(-length // frames)
    positions = np.arange(frames) * chunk
    if rng is not None:
        positions = positions + rng.integers(0, chunk, size=frames)
    return np.minimum(positions, length - 1)

"""An imitation of a pose estimator's errors on true joints: noise, swaps of left and right, drop-outs, confidence.

The same law for every identity: only the pixels' quality, occlusion and chance decide.
"""

from __future__ import annotations

import numpy as np

from star.synthetic.levels import Levels
from star.synthetic.sensor import Quality
from star.types import Modality

# How hard a joint is to place, relative to the level `joint_noise`.
_DIFFICULTY = np.array([0.6, 0.6, 0.6, 0.7, 0.7, 0.9, 0.9, 1.1, 1.1, 1.2, 1.2, 1.3, 1.3, 1.0, 1.0, 1.1, 1.1])
_ARMS = ((5, 6), (7, 8), (9, 10))
_LEGS = ((11, 12), (13, 14), (15, 16))
_PERSISTENCE = 0.5


def estimate(
    joints: np.ndarray,
    hidden: np.ndarray,
    levels: Levels,
    modality: Modality,
    quality: Quality,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """What the estimator reports for one walk.

    Args:
        joints: [t 17 2] true joints in pixels of the stored frame.
        hidden: [t 17] bool, covered by the body or by an object.
        levels: noise, swaps and drop-outs.
        modality: infrared frames are harder.
        quality: so are small and blurred ones.
        rng: chance.

    Returns:
        [t 17 3] float32, x and y in pixels and confidence in 0..1, and [t] bool, False where it found nobody.
    """
    frames, count = hidden.shape
    height, width = levels.height, levels.width
    scale = levels.joint_noise * (levels.joint_noise_infrared if modality == "infrared" else 1.0)
    scale *= 1 + 0.4 * (quality.reduction - 1) + 0.15 * quality.blur
    outside = (joints < 0).any(axis=-1) | (joints[..., 0] > width - 1) | (joints[..., 1] > height - 1)
    hidden = hidden | outside
    deviation = scale * _DIFFICULTY * np.where(hidden, levels.joint_noise_hidden, 1.0)

    error = deviation[..., None] * height * _smooth(rng.standard_normal((frames, count, 2)))
    found = joints + error
    distance = np.linalg.norm(error, axis=-1) / height
    confidence = 0.93 * np.exp(-((distance / 0.06) ** 2)) + 0.03 * rng.standard_normal((frames, count))
    confidence *= np.where(hidden, rng.uniform(0.25, 0.65, (frames, count)), 1.0)

    missed = rng.random((frames, count)) < levels.joint_dropout
    astray = found + 0.12 * height * rng.standard_normal((frames, count, 2))
    found = np.where(missed[..., None], astray, found)
    confidence = np.where(missed, rng.uniform(0.0, 0.12, (frames, count)), confidence)

    for pairs in (_ARMS, _LEGS):
        swapped = rng.random(frames) < levels.joint_swap
        doubt = rng.uniform(0.4, 0.8, frames)
        left, right = (np.array([pair[i] for pair in pairs]) for i in (0, 1))
        rows = np.flatnonzero(swapped)[:, None]
        for values in (found, confidence):
            values[rows, left], values[rows, right] = values[rows, right], values[rows, left].copy()
        confidence[rows, np.concatenate([left, right])] *= doubt[rows]

    present = rng.random(frames) >= levels.skeleton_missing
    inside = np.clip(found, 0, [width - 1, height - 1])
    return np.concatenate([inside, np.clip(confidence, 0, 1)[..., None]], axis=-1).astype(np.float32), present


def _smooth(noise: np.ndarray) -> np.ndarray:
    """Unit noise [t ...] made to waver slowly over the frames, of the same variance."""
    fresh = np.sqrt(1 - _PERSISTENCE**2)
    for t in range(1, len(noise)):
        noise[t] = _PERSISTENCE * noise[t - 1] + fresh * noise[t]
    return noise

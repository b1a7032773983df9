"""Test clips made harder: a block in front of the person, wrong joints, missing joints.

For studies of robustness; training clips are never touched. What happens to a tracklet is drawn from its first frame's
key and the corruption's seed alone, each kind from a stream of its own: every run, row and number of workers sees the
same corruption, and a higher level is the lower one made stronger (the same noise enlarged, the same joints missing and
more, the block grown at the same place).

The skeleton is what a pose estimator would give that leaves out the joints it cannot see: joints under the block are
missing, and so are those of `joint_dropout`. They get what missing joints always get (see `star.data.frame_joints`):
confidence 0 and the place of the same joint in the nearest frame of the clip that still has it, zeros if none has. The
true place of a hidden joint therefore does not reach the network. An estimator that guesses hidden joints would be
better or worse than this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from star.bounds import number, probability
from star.data.frame_joints import fill_missing

KINDS = ("occlusion", "joint_noise", "joint_dropout")
"""What has a level."""
GREY = 128
"""Of the block, in all channels."""

_PLACE, _NOISE, _DROPOUT = range(3)


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """How hard test clips are made, conf/dataset, key `corruption`; all zero leaves them as they are.

    Attributes:
        occlusion: share of the frame's area, 0..1, that a grey block covers; it has the frame's shape and stays at one
            place for the whole clip.
        joint_noise: standard deviation of Gaussian noise on the coordinates of each joint of each frame, as a share of
            the frame height (in pixels the same in x and y); confidences stay.
        joint_dropout: probability, 0..1, that a joint of a frame is missing.
        seed: of the draws.
    """

    occlusion: float = probability(0.0)
    joint_noise: float = number(default=0.0, minimum=0)
    joint_dropout: float = probability(0.0)
    seed: int = number(default=0, minimum=0, maximum=2**31 - 1)

    @property
    def used(self) -> bool:
        """Whether anything is changed."""
        return max(self.occlusion, self.joint_noise, self.joint_dropout) > 0

    def describe(self) -> str:
        """As a protocol states it, e.g. `test clips with occlusion 0.2 (seed 0)`; empty where nothing is changed."""
        levels = [f"{name} {getattr(self, name):g}" for name in KINDS if getattr(self, name) > 0]
        return f"test clips with {', '.join(levels)} (seed {self.seed})" if levels else ""

    def apply(self, keys: Sequence[str], first: str, frames: np.ndarray, joints: np.ndarray) -> None:
        """Corrupt one clip in place.

        Args:
            keys: t frame keys in time order; a repeated frame keeps one skeleton.
            first: key of the tracklet's first frame.
            frames: [t h w 3] uint8.
            joints: [t j 3] float32, x and y in 0..1 of the frame, confidence 0 where missing.
        """
        height, width = frames.shape[1:3]
        present = joints[..., 2] > 0
        rows = [keys.index(key) for key in keys]
        hidden = np.zeros_like(present)
        if self.occlusion > 0:
            top, left, bottom, right = self.block(first, height, width)
            frames[:, top:bottom, left:right] = GREY
            x, y = joints[..., 0] * width, joints[..., 1] * height
            hidden |= (left <= x) & (x < right) & (top <= y) & (y < bottom)
        if self.joint_noise > 0:
            noise = self._stream(first, _NOISE).standard_normal((*present.shape, 2))[rows]
            moved = joints[..., :2] + self.joint_noise * noise * (height / width, 1)
            joints[..., :2] = np.where(present[..., None], moved, joints[..., :2])
        if self.joint_dropout > 0:
            hidden |= self._stream(first, _DROPOUT).random(present.shape)[rows] < self.joint_dropout
        if self.joint_noise > 0 or hidden.any():
            joints[:] = fill_missing(joints, present & ~hidden)

    def block(self, first: str, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of the block in a tracklet's clip.

        Args:
            first: key of the tracklet's first frame.
            height, width: h and w of the clip.
        """
        side = np.sqrt(self.occlusion)
        rows, columns = round(height * side), round(width * side)
        down, across = self._stream(first, _PLACE).random(2)
        top, left = round((height - rows) * down), round((width - columns) * across)
        return top, left, top + rows, left + columns

    def _stream(self, first: str, stream: int) -> np.random.Generator:
        digest = hashlib.sha256(first.encode()).digest()
        return np.random.default_rng([self.seed, stream, int.from_bytes(digest[:8], "little")])

"""The clips a loader asks for, drawn and read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from star.data.anaglyph import anaglyph_frame
from star.data.augmentation import AugmentationOptions
from star.data.clip import ClipReader, Found, Reading, Stream
from star.data.corruption import Corruption
from star.data.frame_sampling import clip_positions
from star.data.transforms import PLAIN, Augmentation, draw_clip
from star.types import ClipShape, Split


class ClipJob(NamedTuple):
    """One clip to read.

    Attributes:
        tracklet: its number in the split.
        entropy: seeds the clip's own generator; None: nothing is drawn, the frames are those of the evaluation.
    """

    tracklet: int
    entropy: tuple[int, ...] | None = None


class Row(NamedTuple):
    """A clip to read, and where its frames [t h w 3] uint8 and joints [t j 3] float32 go; with anaglyphs [2t h w 3]."""

    job: ClipJob
    frames: np.ndarray
    joints: np.ndarray


class ClipSource:
    """Chooses and reads the clips of a split; safe to use from several threads.

    Args:
        split: where the clips are.
        shape: of a clip.
        reading: how they are read.
        augmentation: of clips that have a generator; None: none.
        corruption: of every clip; None: as they are.
        anaglyphs: whether those of the frames follow the frames, drawn anew where something is drawn.
    """

    def __init__(
        self,
        split: Split,
        shape: ClipShape,
        reading: Reading,
        *,
        augmentation: AugmentationOptions | None = None,
        corruption: Corruption | None = None,
        anaglyphs: bool = False,
    ):
        self._split = split
        self._anaglyphs = anaglyphs
        self._shape = shape
        self._augmentation = augmentation
        self._move_joints = augmentation is None or augmentation.joints == "follow"
        self._corruption = corruption if corruption is not None and corruption.used else None
        self._reader = ClipReader(split, reading)

    def read(self, rows: Sequence[Row]) -> list[Found]:
        """Read clips into their places in a batch.

        All choices come before the first frame: Python's work is cheaper at a stretch than between frames.

        Raises:
            DataError: see `ClipReader.read`; the rest of the clips is left.
        """
        return [self._read(row, *choice) for row, choice in [(row, self._choose(row.job)) for row in rows]]

    def _choose(self, job: ClipJob) -> tuple[list[str], list[list[Augmentation]]]:
        """Draw the frames of a clip and what is done to them, and to their anaglyphs."""
        streams = 2 if self._anaglyphs else 1
        tracklet = self._split.tracklets[job.tracklet]
        count = len(tracklet.frames)
        frames = self._shape.frames
        if job.entropy is None or self._augmentation is None:
            positions, augmentations = clip_positions(count, frames), [[PLAIN] * frames] * streams
        else:
            rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(job.entropy)))
            positions = clip_positions(count, frames, rng)
            augmentations = [draw_clip(rng, tracklet.modality, self._shape, self._augmentation) for _ in range(streams)]
        return [tracklet.frames[i] for i in positions.tolist()], augmentations

    def _read(self, row: Row, keys: list[str], augmentations: list[list[Augmentation]]) -> Found:
        whole = self._split.tracklets[row.job.tracklet].frames
        frames = self._shape.frames
        streams = [Stream(augmentations[0], row.frames[:frames])]
        if self._anaglyphs:
            streams.append(Stream(augmentations[1], row.frames[frames:], anaglyph_frame))
        found = self._reader.read(whole, keys, streams, row.joints, move_joints=self._move_joints)
        if self._corruption is not None:
            self._corruption.apply(keys, whole[0], row.frames, row.joints)
        return found

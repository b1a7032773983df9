"""The clips a loader asks for, drawn and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from star.data.cleaning import Cleaning
from star.data.clip import ClipReader, Found, OnBadFrame
from star.data.corruption import Corruption
from star.data.frame_sampling import clip_positions
from star.data.transforms import PLAIN, Augmentation
from star.types import Modality, Split

Draw = Callable[[np.random.Generator, Modality, int], list[Augmentation]]


class ClipJob(NamedTuple):
    """One clip to read.

    Attributes:
        tracklet: its number in the split.
        entropy: seeds the clip's own generator; None: nothing is drawn, the frames are those of the evaluation.
    """

    tracklet: int
    entropy: tuple[int, ...] | None = None


class Row(NamedTuple):
    """A clip to read, and where its frames [t h w 3] uint8 and joints [t j 3] float32 go."""

    job: ClipJob
    frames: np.ndarray
    joints: np.ndarray


class ClipSource:
    """Chooses and reads the clips of a split; safe to use from several threads.

    Args:
        split: where the clips are.
        frames: t.
        draw: the augmentations of a clip from its generator, modality and t.
        corruption: of every clip; None: as they are.
        on_bad_frame, min_confidence, cleaning: see `star.data.clip.ClipReader`.
    """

    def __init__(
        self,
        split: Split,
        *,
        frames: int,
        on_bad_frame: OnBadFrame,
        min_confidence: float,
        cleaning: Cleaning | None,
        draw: Draw | None = None,
        corruption: Corruption | None = None,
    ):
        self._split = split
        self._frames = frames
        self._draw = draw
        self._corruption = corruption
        self._reader = ClipReader(split, on_bad_frame=on_bad_frame, min_confidence=min_confidence, cleaning=cleaning)

    def read(self, rows: Sequence[Row]) -> list[Found]:
        """Read clips into their places in a batch.

        All choices come before the first frame: Python's work is cheaper at a stretch than between frames.

        Raises:
            DataError: see `ClipReader.read`; the rest of the clips is left.
        """
        return [self._read(row, *choice) for row, choice in [(row, self._choose(row.job)) for row in rows]]

    def _choose(self, job: ClipJob) -> tuple[list[str], list[Augmentation]]:
        """Draw the frames of a clip and what is done to them."""
        tracklet = self._split.tracklets[job.tracklet]
        count = len(tracklet.frames)
        if job.entropy is None or self._draw is None:
            positions, augmentations = clip_positions(count, self._frames), [PLAIN] * self._frames
        else:
            rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(job.entropy)))
            positions = clip_positions(count, self._frames, rng)
            augmentations = self._draw(rng, tracklet.modality, self._frames)
        return [tracklet.frames[i] for i in positions.tolist()], augmentations

    def _read(self, row: Row, keys: list[str], augmentations: list[Augmentation]) -> Found:
        whole = self._split.tracklets[row.job.tracklet].frames
        found = self._reader.read(whole, keys, augmentations, row.frames, row.joints)
        if self._corruption is not None:
            self._corruption.apply(keys, whole[0], row.frames, row.joints)
        return found

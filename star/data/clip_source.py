"""The clips a loader asks for, drawn and read; a process of its own can have a copy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

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


class Chosen(NamedTuple):
    """Keys and augmentations of the frames of a clip."""

    keys: list[str]
    augmentations: list[Augmentation]


class ClipSource:
    """Chooses and reads the clips of a split; safe to use from several threads, and can be pickled.

    Args:
        split: where the clips are.
        frames: t.
        draw: the augmentations of a clip from its generator, modality and t; picklable.
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
        reading = {"on_bad_frame": on_bad_frame, "min_confidence": min_confidence, "cleaning": cleaning}
        self._reader = ClipReader(split, **reading)
        self._copy = partial(ClipSource, split, frames=frames, draw=draw, corruption=corruption, **reading)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._copy, ()

    def choose(self, job: ClipJob) -> Chosen:
        """Draw the frames of a clip and what is done to them."""
        tracklet = self._split.tracklets[job.tracklet]
        count = len(tracklet.frames)
        if job.entropy is None or self._draw is None:
            positions, augmentations = clip_positions(count, self._frames), [PLAIN] * self._frames
        else:
            rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(job.entropy)))
            positions = clip_positions(count, self._frames, rng)
            augmentations = self._draw(rng, tracklet.modality, self._frames)
        return Chosen([tracklet.frames[i] for i in positions.tolist()], augmentations)

    def read(self, job: ClipJob, chosen: Chosen, frames: np.ndarray, joints: np.ndarray) -> Found:
        """Read a clip into its place in a batch.

        Args:
            job: the clip.
            chosen: what `choose` gave for it.
            frames: [t h w 3] uint8.
            joints: [t j 3] float32.

        Raises:
            DataError: see `ClipReader.read`.
        """
        whole = self._split.tracklets[job.tracklet].frames
        found = self._reader.read(whole, *chosen, frames, joints)
        if self._corruption is not None:
            self._corruption.apply(chosen.keys, whole[0], frames, joints)
        return found

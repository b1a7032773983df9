"""Batches of clips, decoded by threads (OpenCV releases the interpreter lock) ahead of the consumer.

Every random choice of a clip comes from its own generator, seeded by (seed, epoch, batch, row), so the batches do not
depend on the number of workers or on where an epoch is entered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial

import cv2
import numpy as np

from star.data.ahead import Batch, Task, fill_ahead
from star.data.cleaning import Cleaning
from star.data.clip import ClipReader, OnBadFrame
from star.data.colour import COLOURS_KEPT, ColourOptions
from star.data.corruption import Corruption
from star.data.frame_sampling import clip_positions
from star.data.memory import BatchMemory, keep_freed_memory
from star.data.sampler import BatchPlan, default_batches, epoch_plan, unpaired_identities
from star.data.transforms import PLAIN, Augmentation, DrawnPer, draw_clip
from star.errors import DataError
from star.types import ClipBatch, Split, Tracklet, TrainBatch

_CLIP_STREAM = 2

_log = logging.getLogger(__name__)


class TrainLoader:
    """Augmented P x K batches of both modalities.

    Args:
        split: training tracklets.
        frames, height, width: t, h and w of a clip.
        pad, flip, erase, erase_area, erase_aspect: see `star.data.transforms.draw_augmentation`.
        geometry, erase_per, colour: see `star.data.transforms.draw_clip`.
        identities, tracklets: P and K, see `star.data.sampler.epoch_plan`.
        seed: of everything drawn here.
        workers: threads, at least 1; they do not change the batches.
        on_bad_frame, min_confidence, cleaning: see `star.data.clip.ClipReader`.
        batches: per epoch; None: min(visible, infrared tracklets) // (P * K).

    Raises:
        DataError: fewer identities with both modalities than P.
    """

    def __init__(
        self,
        split: Split,
        *,
        frames: int,
        height: int,
        width: int,
        pad: int,
        flip: float,
        erase: float,
        erase_area: tuple[float, float],
        erase_aspect: tuple[float, float],
        identities: int,
        tracklets: int,
        seed: int,
        workers: int,
        on_bad_frame: OnBadFrame = "stop",
        min_confidence: float = 0.0,
        batches: int | None = None,
        geometry: DrawnPer = "clip",
        erase_per: DrawnPer = "clip",
        colour: ColourOptions = COLOURS_KEPT,
        cleaning: Cleaning | None = None,
    ):
        cv2.setNumThreads(0)
        keep_freed_memory()
        self._split = split
        self._shape = (frames, height, width)
        self._seed = seed
        self._workers = workers
        self._reader = ClipReader(split, on_bad_frame=on_bad_frame, min_confidence=min_confidence, cleaning=cleaning)
        self._draw = partial(
            draw_clip,
            geometry=geometry,
            erase_per=erase_per,
            colour=colour,
            height=height,
            width=width,
            pad=pad,
            flip=flip,
            erase=erase,
            erase_area=erase_area,
            erase_aspect=erase_aspect,
        )
        self._memory = BatchMemory()
        if batches is None:
            batches = default_batches(split, identities=identities, tracklets=tracklets)
        self.batches_per_epoch = batches
        self._plan = partial(
            epoch_plan, split, identities=identities, tracklets=tracklets, seed=seed, batches=self.batches_per_epoch
        )
        self._plan(epoch=0)  # raises now if P is too large
        for note in unpaired_identities(split.tracklets):
            _log.warning("%s", note)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self.batches_per_epoch

    @property
    def counts(self) -> dict[str, int]:
        """What was read and what was wrong with it so far, see `ClipReader.counts`."""
        return self._reader.counts

    def epoch(self, epoch: int, start_batch: int = 0) -> Generator[TrainBatch, None, None]:
        """The batches of one epoch, from `start_batch` on.

        Raises:
            DataError: while iterating, a frame or skeleton that cannot be read; names the file.
        """
        plan = self._plan(epoch=epoch)
        steps = (partial(self._prepare, epoch, number, plan[number]) for number in range(start_batch, len(plan)))
        return _ahead(steps, self._workers, self._reader, f"training epoch {epoch}")

    def _prepare(self, epoch: int, number: int, plan: BatchPlan) -> tuple[TrainBatch, list[Task]]:
        rows = len(plan.labels)
        visible, infrared = (self._memory.empty_clips(rows, *self._shape) for _ in range(2))
        batch = TrainBatch(visible[0], infrared[0], visible[1], infrared[1], plan.labels)
        tasks: list[Task] = []
        for row in range(rows):
            for half, (tracks, (frames, joints)) in enumerate(((plan.visible, visible), (plan.infrared, infrared))):
                tracklet = self._split.tracklets[tracks[row]]
                entropy = (_CLIP_STREAM, self._seed, epoch, number, 2 * row + half)
                keys, augmentations = self._draw_clip(tracklet, entropy)
                tasks.append(partial(self._reader.read, tracklet.frames, keys, augmentations, frames[row], joints[row]))
        return batch, tasks

    def _draw_clip(self, tracklet: Tracklet, entropy: tuple[int, ...]) -> tuple[list[str], list[Augmentation]]:
        """Frame keys and augmentations; cheaper for a batch at a stretch than in between by the threads that decode."""
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))
        frames = self._shape[0]
        positions = clip_positions(len(tracklet.frames), frames, rng)
        return [tracklet.frames[i] for i in positions.tolist()], self._draw(rng, tracklet.modality, frames)


class EvaluationLoader:
    """The clips of one modality in tracklet order, without augmentation.

    Args:
        split: tracklets of one modality.
        frames, height, width: t, h and w of a clip.
        batch: clips a batch; the last batch is padded with copies of its last clip.
        workers: threads, at least 1.
        on_bad_frame, min_confidence, cleaning: see `star.data.clip.ClipReader`.
        corruption: makes the clips harder; None: as they are.

    Raises:
        DataError: the split mixes modalities.
    """

    def __init__(
        self,
        split: Split,
        *,
        frames: int,
        height: int,
        width: int,
        batch: int,
        workers: int,
        on_bad_frame: OnBadFrame = "stop",
        min_confidence: float = 0.0,
        cleaning: Cleaning | None = None,
        corruption: Corruption | None = None,
    ):
        if len({tracklet.modality for tracklet in split.tracklets}) > 1:
            raise DataError(f"split {split.name!r} of {split.frames.path} mixes modalities, expected one a loader")
        cv2.setNumThreads(0)
        keep_freed_memory()
        self._split = split
        self._shape = (frames, height, width)
        self._batch = batch
        self._workers = workers
        self._corruption = corruption
        self._reader = ClipReader(split, on_bad_frame=on_bad_frame, min_confidence=min_confidence, cleaning=cleaning)

    def __len__(self) -> int:
        """Batches, the last padded one included."""
        return -(-len(self._split.tracklets) // self._batch)

    @property
    def counts(self) -> dict[str, int]:
        """What was read and what was wrong with it so far, see `ClipReader.counts`."""
        return self._reader.counts

    def __iter__(self) -> Iterator[ClipBatch]:
        """All clips once; raises DataError where a frame or skeleton cannot be read."""
        memory = BatchMemory()
        steps = (partial(self._prepare, memory, number * self._batch) for number in range(len(self)))
        with closing(_ahead(steps, self._workers, self._reader, f"reading {self._split.name}")) as batches:
            for batch in batches:
                batch.frames[batch.count :] = batch.frames[batch.count - 1]
                batch.joints[batch.count :] = batch.joints[batch.count - 1]
                yield batch

    def _prepare(self, memory: BatchMemory, start: int) -> tuple[ClipBatch, list[Task]]:
        tracklets = self._split.tracklets[start : start + self._batch]
        frames, joints = memory.empty_clips(self._batch, *self._shape)
        tasks: list[Task] = []
        for row, tracklet in enumerate(tracklets):
            keys = [tracklet.frames[i] for i in clip_positions(len(tracklet.frames), len(frames[row]))]
            tasks.append(partial(self._read, tracklet, keys, frames[row], joints[row]))
        return ClipBatch(frames, joints, len(tracklets)), tasks

    def _read(self, tracklet: Tracklet, keys: list[str], frames: np.ndarray, joints: np.ndarray) -> None:
        self._reader.read(tracklet.frames, keys, [PLAIN] * len(keys), frames, joints)
        if self._corruption is not None:
            self._corruption.apply(keys, tracklet.frames[0], frames, joints)


def _ahead(
    steps: Iterator[Callable[[], tuple[Batch, list[Task]]]], workers: int, reader: ClipReader, what: str
) -> Generator[Batch, None, None]:
    """The filled batches; what was wrong with the data is logged at the end, the first time as a warning."""
    before = reader.counts
    try:
        yield from fill_ahead(steps, workers)
    finally:
        wrong = {name: n - before[name] for name, n in reader.counts.items() if name != "frames" and n > before[name]}
        if wrong:
            level = logging.DEBUG if before["frames"] else logging.WARNING
            _log.log(level, "%s: %s", what, ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in wrong.items()))

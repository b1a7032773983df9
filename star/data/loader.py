"""Batches of clips, read ahead of the consumer by threads.

Every random choice of a clip comes from its own generator, seeded by (seed, epoch, batch, row), so the batches do not
depend on the number of workers or on where an epoch is entered.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, TypeVar

import cv2
import numpy as np

from star.data.augmentation import AugmentationOptions
from star.data.batch_plan import BatchPlan, MixedPlan, Sampler, check_plan
from star.data.clip import READ_AS_STORED, Reading, Tally
from star.data.clip_source import ClipJob, ClipSource, Row
from star.data.corruption import Corruption
from star.data.prefetch import Batch, Unread, prefetch
from star.data.sampler import unpaired_identities
from star.errors import DataError
from star.types import ALONE, NUMBER_OF_JOINTS, AnyBatch, ClipBatch, ClipShape, MixedBatch, Share, Split, TrainBatch

T = TypeVar("T")

_CLIP_STREAM = 2

_log = logging.getLogger(__name__)


class TrainLoader:
    """Augmented batches of both modalities.

    Args:
        split: training tracklets.
        sampler: plans the epochs.
        rows: P x K of every batch.
        shape: of a clip.
        reading: how frames and joints are read.
        augmentation: of the clips.
        seed: of the frames chosen and the augmentation.
        workers: threads that read. They do not change the batches.
        share: rows of every batch that are read; they are drawn as if all were. Its size divides `rows`.
        anaglyphs: whether clips are [2t h w 3], frames and then their anaglyphs.

    Raises:
        DataError: plans that do not fit the split, or the joints of infrared clips for batches without pairs.
    """

    def __init__(
        self,
        split: Split,
        sampler: Sampler,
        rows: int,
        shape: ClipShape,
        reading: Reading = READ_AS_STORED,
        *,
        augmentation: AugmentationOptions,
        seed: int,
        workers: int,
        share: Share = ALONE,
        anaglyphs: bool = False,
    ):
        cv2.setNumThreads(0)
        self._seed = seed
        self._split = split
        self._batch_rows = rows
        self._rows = share.of(rows)
        self._source = ClipSource(split, shape, reading, augmentation=augmentation, anaglyphs=anaglyphs)
        self._tally = Tally()
        self._workers = workers
        self._shape, self._streams = shape, 2 if anaglyphs else 1
        self._sampler = sampler
        self._own_joints = augmentation.visible_joints == "own"
        if sampler.mixed and not self._own_joints:
            expected = "own: in batches blind to the modality no row of one has a partner in the other"
            raise DataError(f"dataset.augmentation.visible_joints: given infrared, expected {expected}")
        self.batches_per_epoch = sampler.batches_per_epoch
        self._plan(0)  # raises now if the sampler's plans do not fit
        for note in [] if sampler.mixed else unpaired_identities(split.tracklets):
            _log.warning("%s", note)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self.batches_per_epoch

    @property
    def counts(self) -> dict[str, int]:
        """What was read and what was wrong with it so far, see `Tally.counts`."""
        return self._tally.counts

    def _plan(self, epoch: int) -> Sequence[BatchPlan] | Sequence[MixedPlan]:
        plan = self._sampler.plan(epoch)
        check_plan(plan, self._split, self._batch_rows)
        if len(plan) != self.batches_per_epoch:
            raise DataError(f"sampler: epoch {epoch} has {len(plan)} batches, expected {self.batches_per_epoch}")
        return plan

    def epoch(self, epoch: int, start_batch: int = 0) -> Generator[Any, None, None]:
        """The batches of one epoch, from `start_batch` on: `TrainBatch`, or `MixedBatch` by a mixed sampler.

        Raises:
            DataError: while iterating, a frame or skeleton that cannot be read; names the file.
        """
        plan = self._plan(epoch)
        unread = (self._unread(epoch, number, plan[number]) for number in range(start_batch, len(plan)))
        return _read(unread, self._source, self._tally, self._workers, f"training epoch {epoch + 1}")

    def _unread(self, epoch: int, number: int, plan: BatchPlan | MixedPlan) -> Unread[AnyBatch]:
        if isinstance(plan, MixedPlan):
            return self._unread_mixed(epoch, number, plan)
        (visible, visible_joints), (infrared, infrared_joints) = self._empty(), self._empty()
        given_joints = visible_joints if self._own_joints else infrared_joints
        batch = TrainBatch(visible, infrared, given_joints, infrared_joints, plan.labels[self._rows])
        tracklets = _alternate(plan.visible[self._rows].tolist(), plan.infrared[self._rows].tolist())
        jobs = self._jobs(epoch, number, tracklets, 2 * self._rows.start)
        return Unread(batch, _rows(jobs, _alternate(visible, infrared), _alternate(visible_joints, infrared_joints)))

    def _unread_mixed(self, epoch: int, number: int, plan: MixedPlan) -> Unread[AnyBatch]:
        frames, joints = self._empty()
        chosen = plan.tracklets[self._rows].tolist()
        modality = [int(self._split.tracklets[tracklet].modality == "infrared") for tracklet in chosen]
        batch = MixedBatch(frames, joints, plan.labels[self._rows], np.array(modality, np.int32))
        jobs = self._jobs(epoch, number, chosen, self._rows.start)
        return Unread(batch, _rows(jobs, frames, joints))

    def _empty(self) -> tuple[np.ndarray, np.ndarray]:
        return _empty(self._rows.stop - self._rows.start, self._shape, self._streams)

    def _jobs(self, epoch: int, number: int, tracklets: Iterable[int], start: int) -> list[ClipJob]:
        """The clips of a batch in order, each with a generator of its own; `start`: place of the first in the batch."""
        seeds = (_CLIP_STREAM, self._seed, epoch, number)
        return [ClipJob(tracklet, (*seeds, place)) for place, tracklet in enumerate(tracklets, start)]


class EvaluationLoader:
    """The clips of one modality in tracklet order, without augmentation.

    Args:
        split: tracklets of one modality.
        shape: of a clip.
        reading: how frames and joints are read.
        batch: clips a batch; the last batch is padded with copies of its last clip.
        workers: threads that read.
        corruption: makes the clips harder; None: as they are.
        share: which batches are read: the same number for every process, but for the last ones.
        anaglyphs: whether clips are [2t h w 3], frames and then their anaglyphs.

    Raises:
        DataError: the split mixes modalities.
    """

    def __init__(
        self,
        split: Split,
        shape: ClipShape,
        reading: Reading = READ_AS_STORED,
        *,
        batch: int,
        workers: int,
        corruption: Corruption | None = None,
        share: Share = ALONE,
        anaglyphs: bool = False,
    ):
        if len({tracklet.modality for tracklet in split.tracklets}) > 1:
            raise DataError(f"split {split.name!r} of {split.frames.path} mixes modalities, expected one a loader")
        cv2.setNumThreads(0)
        self._split = split
        self._batch, self._shape, self._streams = batch, shape, 2 if anaglyphs else 1
        self._share = share
        self._source = ClipSource(split, shape, reading, corruption=corruption, anaglyphs=anaglyphs)
        self._tally = Tally()
        self._workers = workers

    def __len__(self) -> int:
        """Batches, the last padded one included."""
        return -(-len(self._split.tracklets) // self._batch)

    @property
    def counts(self) -> dict[str, int]:
        """What was read and what was wrong with it so far, see `Tally.counts`."""
        return self._tally.counts

    @property
    def clips(self) -> int:
        """Of the whole split."""
        return len(self._split.tracklets)

    @property
    def rows_each(self) -> int:
        """Clips of every process but for the last ones: those of process r are the r-th so many of the split."""
        return -(-len(self) // self._share.world_size) * self._batch

    def __iter__(self) -> Iterator[ClipBatch]:
        """The process's clips once; raises DataError where a frame or skeleton cannot be read."""
        first = self._share.rank * self.rows_each
        end = min(first + self.rows_each, len(self._split.tracklets))
        unread = (self._unread(start) for start in range(first, end, self._batch))
        what = f"reading {self._split.name}"
        with closing(_read(unread, self._source, self._tally, self._workers, what)) as batches:
            for batch in batches:
                batch.frames[batch.count :] = batch.frames[batch.count - 1]
                batch.joints[batch.count :] = batch.joints[batch.count - 1]
                yield batch

    def _unread(self, start: int) -> Unread[ClipBatch]:
        frames, joints = _empty(self._batch, self._shape, self._streams)
        end = min(start + self._batch, len(self._split.tracklets))
        jobs = map(ClipJob, range(start, end))
        return Unread(ClipBatch(frames, joints, end - start), _rows(jobs, frames[: end - start], joints[: end - start]))


def _empty(clips: int, shape: ClipShape, streams: int) -> tuple[np.ndarray, np.ndarray]:
    """Memory for the frames [b streams*t h w 3] uint8 and joints [b t j 3] float32 of clips."""
    joints = np.empty((clips, shape.frames, NUMBER_OF_JOINTS, 3), np.float32)
    return np.empty((clips, streams * shape.frames, shape.height, shape.width, 3), np.uint8), joints


def _alternate(first: Iterable[T], second: Iterable[T]) -> Iterator[T]:
    """The first of both, the second of both, and so on."""
    return chain.from_iterable(zip(first, second, strict=True))


def _rows(jobs: Iterable[ClipJob], frames: Iterable[np.ndarray], joints: Iterable[np.ndarray]) -> list[Row]:
    return [Row(*row) for row in zip(jobs, frames, joints, strict=True)]


def _read(
    batches: Iterable[Unread[Batch]], source: ClipSource, tally: Tally, workers: int, what: str
) -> Generator[Batch, None, None]:
    """Prefetch; problems of the data are logged at the end, the first time as a warning."""
    before = tally.counts
    try:
        yield from prefetch(batches, source, tally, workers)
    finally:
        after = tally.counts
        problems = {
            name: count - before[name] for name, count in after.items() if name != "frames" and count > before[name]
        }
        if problems:
            level = logging.DEBUG if before["frames"] else logging.WARNING
            _log.log(level, "%s: %s", what, ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in problems.items()))

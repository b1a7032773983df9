"""Batches of clips, read ahead of the consumer by one thread or by processes (`star.data.crew`).

Every random choice of a clip comes from its own generator, seeded by (seed, epoch, batch, row), so the batches do not
depend on the number of workers or on where an epoch is entered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import cv2
import numpy as np

from star.data.batch_plan import BatchPlan, MixedPlan, Sampler, check_plan
from star.data.cleaning import Cleaning
from star.data.clip import OnBadFrame
from star.data.clip_source import ClipJob, ClipSource
from star.data.colour import COLOURS_KEPT, ColourOptions
from star.data.corruption import Corruption
from star.data.crew import Crew
from star.data.memory import BatchMemory, keep_freed_memory
from star.data.prefetch import Batch, Filling
from star.data.sampler import PairedSampler, unpaired_identities
from star.data.transforms import DrawnPer, draw_clip
from star.errors import DataError
from star.types import ALONE, AnyBatch, ClipBatch, MixedBatch, Share, Split, TrainBatch

_CLIP_STREAM = 2

_log = logging.getLogger(__name__)


class TrainLoader:
    """Augmented P x K batches of both modalities.

    Args:
        split: training tracklets.
        frames, height, width: t, h and w of a clip.
        pad, flip, erase, erase_area, erase_aspect: see `star.data.transforms.draw_augmentation`.
        geometry, erase_per, colour: see `star.data.transforms.draw_clip`.
        identities, tracklets: P and K, of every batch.
        sampler: class that plans the epochs, see `star.data.batch_plan.Sampler`.
        seed: of everything drawn here.
        workers: processes that read; 1: a thread. They do not change the batches.
        on_bad_frame, min_confidence, cleaning: see `star.data.clip.ClipReader`.
        batches: per epoch; None: as the sampler has it.
        share: rows of every batch that are read; they are drawn as if all were. Its size divides P.

    Raises:
        DataError: too few identities for P, or plans that do not fit the split.
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
        share: Share = ALONE,
        sampler: Callable[..., Sampler] = PairedSampler,
    ):
        cv2.setNumThreads(0)
        keep_freed_memory()
        self._seed = seed
        self._split = split
        self._batch_rows = identities * tracklets
        self._rows = share.of(self._batch_rows)
        draw = partial(
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
        source = ClipSource(
            split,
            frames=frames,
            draw=draw,
            on_bad_frame=on_bad_frame,
            min_confidence=min_confidence,
            cleaning=cleaning,
        )
        self._crew = Crew(source, workers, keep_memory=True)
        self._shape = (self._rows.stop - self._rows.start, frames, height, width)
        self._sampler = sampler(split=split, identities=identities, tracklets=tracklets, seed=seed, batches=batches)
        self.batches_per_epoch = self._sampler.batches_per_epoch
        self._plan(0)  # raises now if the sampler's plans do not fit
        for note in [] if self._sampler.mixed else unpaired_identities(split.tracklets):
            _log.warning("%s", note)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self.batches_per_epoch

    @property
    def counts(self) -> dict[str, int]:
        """What was read and what was wrong with it so far, see `Tally.counts`."""
        return self._crew.tally.counts

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
        steps = (partial(self._prepare, epoch, number, plan[number]) for number in range(start_batch, len(plan)))
        return _filled(self._crew, steps, f"training epoch {epoch}")

    def _prepare(self, epoch: int, number: int, plan: BatchPlan | MixedPlan, memory: BatchMemory) -> Filling[AnyBatch]:
        if isinstance(plan, MixedPlan):
            return self._prepare_mixed(epoch, number, plan, memory)
        visible, infrared = memory.empty_clips(self._shape), memory.empty_clips(self._shape)
        rows = self._rows
        batch = TrainBatch(visible.frames, infrared.frames, visible.joints, infrared.joints, plan.labels[rows])
        pairs = zip(plan.visible[rows].tolist(), plan.infrared[rows].tolist(), strict=True)
        jobs = [
            ClipJob(tracklet, (_CLIP_STREAM, self._seed, epoch, number, place))
            for place, tracklet in enumerate((tracklet for pair in pairs for tracklet in pair), 2 * rows.start)
        ]
        return Filling(batch, [visible, infrared], jobs)

    def _prepare_mixed(self, epoch: int, number: int, plan: MixedPlan, memory: BatchMemory) -> Filling[AnyBatch]:
        clips, rows = memory.empty_clips(self._shape), self._rows
        chosen = plan.tracklets[rows].tolist()
        modality = [int(self._split.tracklets[tracklet].modality == "infrared") for tracklet in chosen]
        batch = MixedBatch(clips.frames, clips.joints, plan.labels[rows], np.array(modality, np.int32))
        jobs = [
            ClipJob(tracklet, (_CLIP_STREAM, self._seed, epoch, number, place))
            for place, tracklet in enumerate(chosen, rows.start)
        ]
        return Filling(batch, [clips], jobs)


class EvaluationLoader:
    """The clips of one modality in tracklet order, without augmentation.

    Args:
        split: tracklets of one modality.
        frames, height, width: t, h and w of a clip.
        batch: clips a batch; the last batch is padded with copies of its last clip.
        workers: processes that read; 1: a thread.
        on_bad_frame, min_confidence, cleaning: see `star.data.clip.ClipReader`.
        corruption: makes the clips harder; None: as they are.
        share: which batches are read: the same number for every process, but for the last ones.

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
        share: Share = ALONE,
    ):
        if len({tracklet.modality for tracklet in split.tracklets}) > 1:
            raise DataError(f"split {split.name!r} of {split.frames.path} mixes modalities, expected one a loader")
        cv2.setNumThreads(0)
        keep_freed_memory()
        self._split = split
        self._shape = (batch, frames, height, width)
        self._share = share
        source = ClipSource(
            split,
            frames=frames,
            corruption=corruption,
            on_bad_frame=on_bad_frame,
            min_confidence=min_confidence,
            cleaning=cleaning,
        )
        self._crew = Crew(source, workers, keep_memory=False)

    def __len__(self) -> int:
        """Batches, the last padded one included."""
        return -(-len(self._split.tracklets) // self._shape[0])

    @property
    def counts(self) -> dict[str, int]:
        """What was read and what was wrong with it so far, see `Tally.counts`."""
        return self._crew.tally.counts

    @property
    def clips(self) -> int:
        """Of the whole split."""
        return len(self._split.tracklets)

    @property
    def rows_each(self) -> int:
        """Clips of every process but for the last ones: those of process r are the r-th so many of the split."""
        return -(-len(self) // self._share.size) * self._shape[0]

    def __iter__(self) -> Iterator[ClipBatch]:
        """The process's clips once; raises DataError where a frame or skeleton cannot be read."""
        first = self._share.rank * self.rows_each
        end = min(first + self.rows_each, len(self._split.tracklets))
        steps = (partial(self._prepare, start) for start in range(first, end, self._shape[0]))
        with closing(_filled(self._crew, steps, f"reading {self._split.name}")) as batches:
            for batch in batches:
                batch.frames[batch.count :] = batch.frames[batch.count - 1]
                batch.joints[batch.count :] = batch.joints[batch.count - 1]
                yield batch

    def _prepare(self, start: int, memory: BatchMemory) -> Filling[ClipBatch]:
        clips = memory.empty_clips(self._shape)
        end = min(start + self._shape[0], len(self._split.tracklets))
        batch = ClipBatch(clips.frames, clips.joints, end - start)
        return Filling(batch, [clips], [ClipJob(tracklet) for tracklet in range(start, end)])


def _filled(
    crew: Crew, steps: Iterator[Callable[[BatchMemory], Filling[Batch]]], what: str
) -> Generator[Batch, None, None]:
    """The filled batches; what was wrong with the data is logged at the end, the first time as a warning."""
    before = crew.tally.counts
    try:
        yield from crew.fill(steps)
    finally:
        wrong = {n: count - before[n] for n, count in crew.tally.counts.items() if n != "frames" and count > before[n]}
        if wrong:
            level = logging.DEBUG if before["frames"] else logging.WARNING
            _log.log(level, "%s: %s", what, ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in wrong.items()))

"""Prefetching of batches, by threads here or by processes (`star.data.worker_pool`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from star.data.clip import Found, Tally
from star.data.clip_source import ClipJob, ClipSource
from star.data.memory import Clips

Batch = TypeVar("Batch", covariant=True)
Failure = tuple[int, BaseException]
"""Number of the job, and what it raised."""

_BATCHES_AHEAD = 2


@dataclass(frozen=True)
class Filling(Generic[Batch]):
    """A batch, and what is to be read into it.

    Attributes:
        batch: refers to `clips`.
        clips: memory of the batch.
        jobs: job n is for row n // m of clips n % m, m = len(clips).
    """

    batch: Batch
    clips: Sequence[Clips]
    jobs: Sequence[ClipJob]


class Work(Protocol):
    """A batch that is being filled."""

    def drop(self) -> None:
        """Leave what has not started."""
        ...

    def settle(self) -> None:
        """Wait until nobody works on it any more."""
        ...

    def finish(self) -> None:
        """Wait for all jobs; raises what the first failed one raised."""
        ...


def fill_ahead(
    steps: Iterator[Callable[[], Filling[Batch]]], start: Callable[[Filling[Batch]], Work]
) -> Generator[Batch, None, None]:
    """Fill batches, at most two ahead, and yield them in order.

    The first failed job is raised as it was; closing the iterator drops what has not started and waits for the rest.

    Args:
        steps: each gives a batch to fill.
        start: begins to fill a batch and returns.
    """
    waiting: deque[tuple[Batch, Work]] = deque()
    try:
        for step in steps:
            filling = step()
            waiting.append((filling.batch, start(filling)))
            del filling  # it would keep the batch's memory while the next one looks for some
            if len(waiting) > _BATCHES_AHEAD:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    finally:
        for _, work in waiting:
            work.drop()
        for _, work in waiting:
            work.settle()


def divide(jobs: int, workers: int) -> list[range]:
    """The numbers of the jobs of each worker, as even as can be; fewer parts than workers if there are fewer jobs."""
    parts = min(jobs, workers)
    return [range(jobs * part // parts, jobs * (part + 1) // parts) for part in range(parts)]


def fill_part(
    source: ClipSource,
    first: int,
    jobs: Sequence[ClipJob],
    clips: Sequence[tuple[np.ndarray, np.ndarray]],
    stop: np.ndarray,
    note: Callable[[Found], None],
) -> Failure | None:
    """Read successive jobs of a batch into their rows.

    All choices come before the first clip: Python's work is cheaper at a stretch than between frames.

    Args:
        source: of the clips.
        first: number of the first job.
        jobs: from that number on.
        clips: frames and joints of the batch, see `Filling`.
        stop: [1] int64: jobs with a larger number are left. A failure lowers it, so the first failed job of a batch is
            the same however many work on it.
        note: takes what was found in each clip.

    Returns:
        The job that failed, if one did; the rest is left.
    """
    number = first
    try:
        chosen = [source.choose(job) for job in jobs]
        for number, (job, choice) in enumerate(zip(jobs, chosen, strict=True), first):
            if number > stop[0]:
                return None
            row, (frames, joints) = number // len(clips), clips[number % len(clips)]
            note(source.read(job, choice, frames[row], joints[row]))
    except BaseException as error:
        stop[0] = min(stop[0], number)
        return number, error
    return None


class ThreadWork:
    """A batch that threads of this process fill.

    Args:
        filling: the batch.
        source: of the clips.
        tally: takes what was found.
        pool: the threads.
        workers: their number.
    """

    def __init__(self, filling: Filling, source: ClipSource, tally: Tally, pool: Executor, workers: int):
        self._stop = np.array([len(filling.jobs)])
        clips = [(clips.frames, clips.joints) for clips in filling.clips]
        self._futures = [
            pool.submit(
                fill_part, source, part.start, filling.jobs[part.start : part.stop], clips, self._stop, tally.add
            )
            for part in divide(len(filling.jobs), workers)
        ]

    def drop(self) -> None:
        """See `Work`."""
        self._stop[0] = -1

    def settle(self) -> None:
        """See `Work`."""
        wait(self._futures)

    def finish(self) -> None:
        """See `Work`."""
        self.settle()
        raise_first([future.result() for future in self._futures])


def raise_first(failures: Sequence[Failure | None]) -> None:
    """Raise the error of the failed job with the smallest number, if one failed."""
    failed = [failure for failure in failures if failure is not None]
    if failed:
        raise min(failed, key=lambda failure: failure[0])[1]


def _finished(batch: Batch, work: Work) -> Batch:
    work.finish()
    return batch

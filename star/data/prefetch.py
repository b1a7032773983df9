"""Prefetching of batches by threads: decoding and resizing, most of the work, release the interpreter lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from star.data.clip import Found, Tally
from star.data.clip_source import ClipSource, Row

Batch = TypeVar("Batch")

_BATCHES_AHEAD = 2


@dataclass(frozen=True)
class Unread(Generic[Batch]):
    """A batch, and the rows that fill it."""

    batch: Batch
    rows: Sequence[Row]


def prefetch(
    batches: Iterable[Unread[Batch]], source: ClipSource, tally: Tally, workers: int
) -> Generator[Batch, None, None]:
    """Read batches, at most two ahead of the one in use, and yield them in order.

    The first failed row of a batch is raised as it was. Closing the iterator leaves what has not started, and ends the
    threads.

    Args:
        batches: asked for one as there is room for it.
        source: of the clips.
        tally: takes what was found in each clip of a yielded batch.
        workers: threads.
    """
    waiting: deque[tuple[Batch, list[Future[list[Found]]]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="star-loader")
    try:
        for unread in batches:
            parts = [pool.submit(source.read, part) for part in _divide(unread.rows, workers)]
            waiting.append((unread.batch, parts))
            del unread  # it would keep the memory of a batch that is no longer in use
            if len(waiting) > _BATCHES_AHEAD:
                yield _finished(*waiting.popleft(), tally)
        while waiting:
            yield _finished(*waiting.popleft(), tally)
    finally:
        pool.shutdown(cancel_futures=True)


def _divide(rows: Sequence[Row], workers: int) -> list[Sequence[Row]]:
    """The rows in a part for each worker."""
    bounds = [len(rows) * number // workers for number in range(workers + 1)]
    return [rows[start:end] for start, end in pairwise(bounds) if start < end]


def _finished(batch: Batch, parts: Iterable[Future[list[Found]]], tally: Tally) -> Batch:
    for part in parts:
        for found in part.result():
            tally.add(found)
    return batch

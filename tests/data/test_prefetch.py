"""Batches filled by threads: in order, ahead, with the first failure, and without threads or batches left behind."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Generator
from typing import Any, cast

import numpy as np
import pytest

from star.data.clip import Found, Tally
from star.data.clip_source import ClipJob, ClipSource, Row
from star.data.prefetch import Unread, prefetch


class _Batch:
    """Can be referred to weakly, as a tuple cannot."""

    def __init__(self, number: int, rows: int):
        self.number = number
        self.frames, self.joints = np.zeros((rows, 1, 2, 2, 3), np.uint8), np.zeros((rows, 1, 17, 3), np.float32)


class _Source:
    """Writes the number of the clip into its row, after what a test wants to happen there."""

    def __init__(self, run: Callable[[int, int], object]):
        self._run = run

    def read(self, rows: list[Row]) -> list[Found]:
        for job, frames, joints in rows:
            assert job.entropy is not None
            self._run(job.tracklet, job.entropy[0])
            frames[:] = joints[:] = job.entropy[0]
        return [Found({"frames": 1}, {})] * len(rows)


def _fill(batches: int, rows: int, run, workers: int, started=None, tally=None) -> Generator[_Batch, None, None]:
    def unread(number: int) -> Unread[_Batch]:
        if started is not None:
            started.append(number)
        batch = _Batch(number, rows)
        jobs = [ClipJob(number, (row,)) for row in range(rows)]
        return Unread(batch, [Row(*row) for row in zip(jobs, batch.frames, batch.joints, strict=True)])

    source = cast(ClipSource, _Source(run))
    return prefetch(map(unread, range(batches)), source, tally or Tally(), workers)


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_batches_come_whole_and_in_order(workers, rows):
    tally = Tally()
    found = list(_fill(9, rows, lambda *_: time.sleep(0.0005), workers, tally=tally))
    assert [batch.number for batch in found] == list(range(9)) and tally.counts["frames"] == 9 * rows
    for batch in found:
        for row in range(rows):
            assert (batch.frames[row] == row).all() and (batch.joints[row] == row).all()


def test_two_batches_ahead_and_no_more():
    started = []
    batches = _fill(9, 2, lambda *_: None, 2, started)
    next(batches)
    assert started == [0, 1, 2]
    next(batches)
    assert started == [0, 1, 2, 3]
    batches.close()


def test_what_is_counted_is_what_was_yielded():
    tally = Tally()
    batches = _fill(9, 2, lambda *_: None, 2, tally=tally)
    for number in (1, 2):
        next(batches)
        assert tally.counts["frames"] == 2 * number
    batches.close()
    assert tally.counts["frames"] == 4


def test_every_thread_works_on_a_batch():
    gate = threading.Barrier(3)
    assert len(list(_fill(2, 3, lambda *_: gate.wait(timeout=20), 3))) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_batch_goes_with_its_last_user(workers):
    """So memory does not grow: three batches are read or in use at a time."""
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most = 0
    for batch in _fill(12, 4, lambda *_: None, workers):
        alive.add(batch)
        del batch
        gc.collect()
        most = max(most, len(alive))
    assert most == 0


def _failing(failing):
    def run(batch, row):
        if (batch, row) in failing:
            time.sleep(failing[batch, row])
            raise ValueError(f"{batch} {row}")

    return run


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_first_failure_of_the_first_batch_is_raised(workers):
    """The earlier clip fails later by the clock, and another worker's."""
    batches = _fill(6, 8, _failing({(2, 3): 0.05, (2, 4): 0, (3, 0): 0}), workers)
    assert [next(batches).number, next(batches).number] == [0, 1]
    with pytest.raises(ValueError, match="2 3"):
        next(batches)
    assert not _threads()


def test_what_has_not_started_is_dropped():
    done = []
    run = _failing({(0, 0): 0})

    def count(batch, row):
        done.append((batch, row))
        run(batch, row)
        time.sleep(0.01)

    with pytest.raises(ValueError, match="0 0"):
        list(_fill(3, 100, count, 2))
    assert len(done) < 150 and not _threads()


def test_closing_drops_the_rest_and_ends_the_threads():
    done = []
    batches = _fill(50, 20, lambda *row: (done.append(row), time.sleep(0.002)), 2)
    next(batches)
    batches.close()
    assert len(done) < 70 and not _threads()


def _threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("star-loader")]

"""Batches filled by threads: in order, ahead, with the first failure, and without threads left behind."""

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import numpy as np
import pytest

from star.data.clip import Found, Tally
from star.data.clip_source import ClipJob, ClipSource
from star.data.memory import BatchMemory
from star.data.prefetch import Filling, ThreadWork, divide, fill_ahead

SHAPE = (4, 1, 2, 2)


class _Source:
    """Writes the number of the job into its row, after what a test wants to happen there."""

    def __init__(self, run: Callable[[int, int], object]):
        self._run = run

    def choose(self, job: ClipJob) -> None:
        assert job.entropy is not None

    def read(self, job: ClipJob, choice: None, frames: np.ndarray, joints: np.ndarray) -> Found:
        assert job.entropy is not None
        self._run(job.tracklet, job.entropy[0])
        frames[:] = joints[:] = job.entropy[0]
        return Found({"frames": 1}, {})


def _fill(batches: int, jobs: int, run, workers: int, started=None, tally=None, halves=2) -> Generator[Any, None, None]:
    def step(batch: int) -> Filling:
        if started is not None:
            started.append(batch)
        shape = (-(-jobs // halves), *SHAPE[1:])
        clips = [BatchMemory().empty_clips(shape) for _ in range(halves)]
        return Filling((batch, clips), clips, [ClipJob(batch, (job,)) for job in range(jobs)])

    source = cast(ClipSource, _Source(run))
    with ThreadPoolExecutor(workers, thread_name_prefix="star-loader") as pool:
        steps = (partial(step, batch) for batch in range(batches))
        yield from fill_ahead(steps, lambda filling: ThreadWork(filling, source, tally or Tally(), pool, workers))


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("jobs", [0, 1, 7])
def test_batches_come_whole_and_in_order(workers, jobs):
    tally = Tally()
    found = list(_fill(9, jobs, lambda *_: time.sleep(0.0005), workers, tally=tally))
    assert [batch for batch, _ in found] == list(range(9)) and tally.counts["frames"] == 9 * jobs
    for _, clips in found:
        for job in range(jobs):
            frames, joints, _ = clips[job % 2]
            assert (frames[job // 2] == job).all() and (joints[job // 2] == job).all()


@pytest.mark.parametrize(
    ("jobs", "workers", "sizes"), [(0, 3, []), (2, 3, [1, 1]), (7, 2, [3, 4]), (64, 16, [4] * 16), (5, 1, [5])]
)
def test_jobs_are_divided_evenly(jobs, workers, sizes):
    parts = divide(jobs, workers)
    assert [len(part) for part in parts] == sizes and [job for part in parts for job in part] == list(range(jobs))


def test_two_batches_ahead_and_no_more():
    started = []
    batches = _fill(9, 2, lambda *_: None, 2, started)
    next(batches)
    assert started == [0, 1, 2]
    next(batches)
    assert started == [0, 1, 2, 3]
    batches.close()


def test_every_thread_works_on_a_batch():
    gate = threading.Barrier(3)
    assert len(list(_fill(2, 3, lambda *_: gate.wait(timeout=20), 3))) == 2


def _failing(failing):
    def run(batch, job):
        if (batch, job) in failing:
            time.sleep(failing[batch, job])
            raise ValueError(f"{batch} {job}")

    return run


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_first_failure_of_the_first_batch_is_raised(workers):
    """The earlier job fails later by the clock, and another worker's."""
    batches = _fill(6, 8, _failing({(2, 3): 0.05, (2, 4): 0, (3, 0): 0}), workers)
    assert [next(batches)[0], next(batches)[0]] == [0, 1]
    with pytest.raises(ValueError, match="2 3"):
        next(batches)
    assert not _threads()


def test_what_has_not_started_is_dropped():
    done = []
    run = _failing({(0, 0): 0})

    def count(batch, job):
        done.append((batch, job))
        run(batch, job)
        time.sleep(0.01)

    with pytest.raises(ValueError, match="0 0"):
        list(_fill(3, 100, count, 2))
    assert len(done) < 50 and not _threads()


def test_closing_drops_the_rest_and_ends_the_threads():
    done = []
    batches = _fill(50, 20, lambda *job: (done.append(job), time.sleep(0.002)), 2)
    next(batches)
    batches.close()
    assert len(done) < 60 and not _threads()


def _threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("star-loader")]

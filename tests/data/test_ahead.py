"""Batches filled by threads: in order, ahead, with the first failure, and without threads left behind."""

import threading
import time

import pytest

from star.data.ahead import fill_ahead


def _steps(batches, tasks, run, started=None):
    def step(batch):
        if started is not None:
            started.append(batch)
        filled = [None] * tasks

        def fill(task):
            run(batch, task)
            filled[task] = (batch, task)

        return filled, [lambda task=task: fill(task) for task in range(tasks)]

    return (lambda batch=batch: step(batch) for batch in range(batches))


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("tasks", [0, 1, 7])
def test_batches_come_whole_and_in_order(workers, tasks):
    found = list(fill_ahead(_steps(9, tasks, lambda *_: time.sleep(0.0005)), workers))
    assert found == [[(batch, task) for task in range(tasks)] for batch in range(9)]


def test_two_batches_ahead_and_no_more():
    started = []
    batches = fill_ahead(_steps(9, 2, lambda *_: None, started), 2)
    next(batches)
    assert started == [0, 1, 2]
    next(batches)
    assert started == [0, 1, 2, 3]
    batches.close()


def test_every_thread_works_on_a_batch():
    gate = threading.Barrier(3)
    assert len(list(fill_ahead(_steps(2, 3, lambda *_: gate.wait(timeout=20)), 3))) == 2


def _fail(failing):
    def run(batch, task):
        if (batch, task) in failing:
            time.sleep(failing[batch, task])
            raise ValueError(f"{batch} {task}")

    return run


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_first_failure_of_the_first_batch_is_raised(workers):
    """The earlier task fails later by the clock."""
    batches = fill_ahead(_steps(6, 8, _fail({(2, 3): 0.05, (2, 4): 0, (3, 0): 0})), workers)
    assert [batch[0][0] for batch in (next(batches), next(batches))] == [0, 1]
    with pytest.raises(ValueError, match="2 3"):
        next(batches)
    assert not _threads()


def test_what_has_not_started_is_dropped():
    done = []
    run = _fail({(0, 0): 0})

    def count(batch, task):
        done.append((batch, task))
        run(batch, task)
        time.sleep(0.01)

    with pytest.raises(ValueError, match="0 0"):
        list(fill_ahead(_steps(3, 100, count), 2))
    assert len(done) < 50 and not _threads()


def test_closing_drops_the_rest_and_ends_the_threads():
    done = []
    batches = fill_ahead(_steps(50, 20, lambda *task: (done.append(task), time.sleep(0.002))), 2)
    next(batches)
    batches.close()
    assert len(done) < 60 and not _threads()


def _threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("star-loader")]

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from star.engine.signals import PREEMPTION, StopSignals

ALL = (signal.SIGTERM, *PREEMPTION)


@pytest.mark.parametrize("number", ALL)
def test_a_signal_ends_the_program_with_its_code_and_the_handlers_come_back(number: signal.Signals):
    before = [signal.getsignal(one) for one in ALL]
    with pytest.raises(SystemExit) as end, StopSignals() as stop:
        os.kill(os.getpid(), number)
    assert end.value.code == 128 + number and stop.received == number
    assert [signal.getsignal(one) for one in ALL] == before


def test_within_held_it_waits_for_a_check():
    called = []
    with pytest.raises(SystemExit) as end, StopSignals() as stop:
        function = stop.checked(called.append)
        with stop.held():
            function(1)
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGTERM)
            called.append(2)
            function(3)
    assert called == [1, 2] and end.value.code == 128 + signal.SIGUSR1


def test_what_is_finished_is_not_stopped():
    with StopSignals() as stop, stop.held():
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.received == signal.SIGTERM


@pytest.fixture
def queue() -> Iterator[list[str]]:
    """What submitit's handler of SIGUSR2, which puts the job into the queue again, was called with."""
    calls: list[str] = []

    def again(number: int, frame: object) -> None:
        calls.append(signal.Signals(number).name)
        raise SystemExit(144)

    before = signal.signal(signal.SIGUSR2, again)
    yield calls
    signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize(
    ("number", "code", "expected"),
    [
        (signal.SIGUSR1, 144, ["SIGUSR1"]),
        (signal.SIGUSR2, 144, ["SIGUSR2"]),
        (signal.SIGTERM, 128 + signal.SIGTERM, []),
    ],
)
def test_a_handler_that_was_there_has_its_turn_at_the_end(queue: list[str], number, code: int, expected: list[str]):
    order: list[str] = []
    with pytest.raises(SystemExit) as end, StopSignals():
        try:
            os.kill(os.getpid(), number)
        finally:
            order += ["closed", *queue]
    assert end.value.code == code and order == ["closed"] and queue == expected


def test_several_processes_stop_where_all_have_agreed():
    others = iter([0, int(signal.SIGUSR1)])
    with pytest.raises(SystemExit) as end, StopSignals(agree=lambda number: max(number, next(others))) as stop:
        stop.check()
        assert stop.received is None
        stop.check()
    assert end.value.code == 128 + signal.SIGUSR1 and stop.received == signal.SIGUSR1

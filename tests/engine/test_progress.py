from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from star.engine import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds the progress sees; set the only entry."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_tell_number_rate_and_time_left(clock: list[float], caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    with progress.counting("estimating joints", "frames", every=10) as show:
        for seconds, done in ((0, 1000), (3, 1020), (10, 1200), (15, 1400), (30, 2000), (31, 3000)):
            clock[0] = 100.0 + seconds
            show(done, 3000)
    assert [record.getMessage() for record in caplog.records] == [
        "estimating joints: 1,200 of 3,000 frames, 20.0 frames/s, 0:01:30 left",
        "estimating joints: 2,000 of 3,000 frames, 33.3 frames/s, 0:00:30 left",
        "estimating joints: 3,000 of 3,000 frames, 64.5 frames/s",
    ]


def test_what_is_done_quickly_is_not_told(clock: list[float], caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    with progress.counting("checking frames") as show:
        for done in range(5):
            clock[0] += 1
            show(done, 4)
    assert caplog.records == []


def test_a_terminal_shows_a_bar_with_the_rate(monkeypatch: pytest.MonkeyPatch):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    monkeypatch.setattr(progress, "get_console", lambda: console)
    with progress.counting("estimating joints", "frames") as show:
        show(10, 40)
        show(25, 40)
        show(40, 40)
    shown = screen.getvalue()
    assert "estimating joints" in shown and "40/40" in shown and "frames/s" in shown

"""What Slurm is asked about a job, with a stand-in for its command."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from star.engine import signals
from star.engine.signals import StopSignals
from star.engine.slurm import takes_the_place

WAITS = "JobId=7 JobName=a b JobState=RUNNING Reason=None PreemptEligibleTime=now PreemptTime=2026-11-22T21:33:11"
Scontrol = Callable[[str], None]


@pytest.fixture
def scontrol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scontrol:
    """`scontrol(text)` is what the command prints from then on."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(text: str) -> None:
        path = tmp_path / "scontrol"
        path.write_text(f"#!/bin/sh\necho '{text}'\n")
        path.chmod(0o755)

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WAITS, True),
        (WAITS.replace("RUNNING", "COMPLETING"), False),
        (WAITS.replace("2026-11-22T21:33:11", "None"), False),
        ("slurm_load_jobs error", False),
    ],
)
def test_it_is_announced_while_the_job_goes_on(text: str, expected: bool, scontrol: Scontrol):
    scontrol(text)
    assert takes_the_place() == expected


def test_no_answer_and_no_job(scontrol: Scontrol, monkeypatch: pytest.MonkeyPatch):
    assert not takes_the_place()
    monkeypatch.delenv("SLURM_JOB_ID")
    scontrol(WAITS)
    assert not takes_the_place()


@pytest.mark.parametrize(("announced", "expected"), [(True, ["queue"]), (False, ["end"])])
def test_sigterm_puts_a_job_into_the_queue_again_if_it_announces_pre_emption(
    announced: bool, expected: list[str], monkeypatch: pytest.MonkeyPatch
):
    called: list[str] = []
    monkeypatch.setattr(signals, "takes_the_place", lambda: announced)
    before = [
        signal.signal(signal.SIGUSR2, lambda *_: called.append("queue")),
        signal.signal(signal.SIGTERM, lambda *_: called.append("end")),
    ]
    try:
        with pytest.raises(SystemExit), StopSignals():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGUSR2, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert called == expected

"""star-study run with a stand-in for star-train: what it starts, and what becomes of runs that end badly."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
from support.study_bench import STUB, Bench

from star.errors import StudyError
from star.study import local
from star.study.lock import study_lock
from star.study.status import status
from star.tracking import liveness
from star.tracking.runs import find_run
from star.tracking.store import client

ALL = [("own", "0"), ("mean", "0"), ("own", "1"), ("mean", "1")]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "OPENING_SECONDS", 0.0)


def test_what_is_missing_is_trained_and_only_that(bench: Bench):
    text, complete = bench.run()
    assert complete and "4 of 4 finished" in text
    assert bench.trained() == ALL
    runs = bench.runs()
    assert len({run.tags["mlflow.parentRunId"] for run in runs}) == 1
    assert all(run.folder and (run.folder / "console.log").exists() for run in runs)
    text, complete = bench.run()
    assert complete and text.count("before") == 4
    assert bench.trained() == []
    client(bench.uri).delete_run(runs[1].run_id)
    assert "4 of 4 finished" in bench.run(jobs=2)[0]
    assert bench.trained() == [("mean", "0")]
    shown = status(bench.study.folder, size=None, uri=None, outputs=bench.outputs)
    assert shown.count(" finished ") == 4 and "11.00" in shown
    assert f"the table: star-report {bench.study.folder}" in shown


def test_a_failed_run_does_not_stop_the_others_and_is_continued(bench: Bench):
    bench.behave({"own-0": "refuse", "1.0-0": "fail", "own-1": "leave"})
    text, complete = bench.run(jobs=2)
    assert not complete
    assert sorted(bench.trained()) == sorted(ALL)
    own, mean = [line for line in text.splitlines() if line.split()[:2] in (["own", "0"], ["mean", "0"])]
    assert "failed" in own and "schedule.epochs: given 0" in own and "console.log" in own
    assert "failed" in mean and "RuntimeError: no luck, see " in mean
    assert re.search(r"own +1 +killed .*ended by SIGTERM, see ", text)
    assert "1 of 4 finished" in text
    shown = status(bench.study.folder, size=None, uri=None, outputs=bench.outputs)
    assert "1 finished" in shown and "1 failed" in shown and "2 missing" in shown
    assert "epoch 3/10; RuntimeError: no luck" in shown
    (failed,) = [run for run in bench.runs() if run.status == "FAILED"]
    bench.behave({})
    assert bench.run()[1]
    assert bench.trained() == [("own", "0"), ("resume", failed.run_id), ("own", "1")]
    assert find_run(bench.uri, failed.run_id).status == "FINISHED"
    assert len(bench.runs()) == 4


@pytest.mark.parametrize(("code", "name"), [(-9, "SIGKILL"), (143, "SIGTERM"), (0, None), (1, None), (255, None)])
def test_how_a_process_ended(code: int, name: str | None):
    found = local.signal_of(code)
    assert (found and found.name) == name


def test_a_run_killed_in_the_middle_is_resumed_or_begun_again(bench: Bench):
    bench.behave({"own-0": "hang", "1.0-0": "hang early"})
    seen = {}

    def kill(runs):
        seen.update(bench.states())
        for run in runs:
            os.kill(int(run.tags["pid"]), signal.SIGKILL)

    thread = bench.meanwhile(2, kill)
    text, complete = bench.run(jobs=2)
    thread.join()
    assert not complete and text.count("ended by SIGKILL, for lack of memory?") == 2
    assert [seen["own", 0], seen["mean", 0]] == ["running", "running"]
    assert bench.states() == {
        ("own", 0): "killed",
        ("mean", 0): "killed",
        ("own", 1): "finished",
        ("mean", 1): "finished",
    }
    assert sorted(run.status for run in bench.runs()) == ["FINISHED", "FINISHED", "KILLED", "KILLED"]
    bench.calls()
    killed = [run for run in bench.runs() if run.status == "KILLED"]
    (resumable,) = [run for run in killed if "aggregation" not in run.tags["overrides"]]
    bench.behave({})
    assert bench.run()[1]
    assert bench.trained() == [("resume", resumable.run_id), ("mean", "0")]


def test_a_run_left_running_by_a_crash_is_closed_and_resumed(bench: Bench):
    bench.behave({"own-0": "hang"})
    given = ["experiment=baseline", "seed=0", f"study={bench.study.name}"]
    folder = bench.outputs / "runs" / "crashed"
    folder.mkdir(parents=True)
    environment = {**os.environ, "STAR_OUTPUTS": str(bench.outputs)}
    process = subprocess.Popen([*STUB, *given, f"hydra.run.dir='{folder}'"], env=environment)
    try:
        while not (folder / "hangs").exists():
            assert process.poll() is None
            time.sleep(0.1)
        assert bench.states()["own", 0] == "running"
        first = bench.run(dry_run=True)[0].splitlines()[1]
        assert first.split()[:3] == ["own", "0", "wait"] and f"process {process.pid} on " in first
    finally:
        process.kill()
        process.wait()
    (stale,) = bench.runs()
    assert stale.status == "RUNNING" and bench.states()["own", 0] == "killed"
    assert "killed" in status(bench.study.folder, size=None, uri=None, outputs=bench.outputs)
    bench.calls()
    bench.behave({"1.0-0": "refuse", "own-1": "refuse", "1.0-1": "refuse"})
    bench.run()
    assert bench.trained()[0] == ("resume", stale.run_id)
    assert bench.states()["own", 0] == "finished"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_runs(bench: Bench, number: signal.Signals):
    bench.behave({"own-0": "hang", "1.0-0": "hang"})
    pids = []

    def interrupt(runs):
        pids.extend(int(run.tags["pid"]) for run in runs)
        os.kill(os.getpid(), number)

    thread = bench.meanwhile(2, interrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.run(jobs=2)
    thread.join()
    assert [run.status for run in bench.runs()] == ["KILLED", "KILLED"]
    assert sorted(bench.trained()) == [("mean", "0"), ("own", "0")]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_will_not_end_is_killed(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local, "GRACE_SECONDS", 0.5)
    bench.behave({"own-0": "hang"})

    def interrupt(runs):
        os.kill(int(runs[0].tags["pid"]), signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGINT)

    thread = bench.meanwhile(1, interrupt)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    thread.join()
    assert [run.status for run in bench.runs()] == ["KILLED"]


def test_a_study_is_run_once_at_a_time(bench: Bench):
    with study_lock(bench.study, bench.outputs):
        with pytest.raises(StudyError, match=f"small is being run by process {os.getpid()} on .* since 20"):
            bench.run()
        assert "train" in bench.run(dry_run=True)[0]
    assert bench.calls() == []


def test_runs_hold_the_lock_of_the_process_that_started_them(bench: Bench):
    with study_lock(bench.study, bench.outputs) as lock:
        sleeper = subprocess.Popen(["sleep", "60"], pass_fds=[lock])
    try:
        with pytest.raises(StudyError, match="or by runs it has started"):
            bench.run()
    finally:
        sleeper.kill()
        sleeper.wait()
    with study_lock(bench.study, bench.outputs):
        pass


def test_a_dry_run_only_tells(bench: Bench):
    text, complete = bench.run(dry_run=True)
    assert complete and bench.calls() == [] and not (bench.outputs / "runs").exists()
    assert [line.split() for line in text.splitlines()[1:5]] == [[*row, "train"] for row in ALL]
    common = f"study={bench.study.name} dataset=synthetic backbone=tiny schedule=quick"
    assert f"  star-train experiment=baseline seed=1 {common} aggregation.power=1.0\n" in text
    assert text.endswith(
        f"  star-train -m experiment=baseline seed=0,1 {common}\n"
        f"  star-train -m experiment=baseline seed=0,1 {common} aggregation.power=1.0"
    )
    assert json.loads((bench.stub / "behaviour.json").read_text()) == {}

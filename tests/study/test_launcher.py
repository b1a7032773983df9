"""Hydra's launchers: the commands for what is missing, and which of them run at once."""

import os
import signal
import sys
import threading
import time
from dataclasses import replace

import pytest
from support.study_bench import Bench

from star.errors import StudyError
from star.study import launcher
from star.study.checked_study import CheckedStudy
from star.study.launcher import check_launcher, has_queue, launched

COMMON = ["study=small", "dataset=synthetic", "backbone=tiny", "schedule=quick"]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "find_spec", lambda name: object())


def test_what_is_missing_goes_to_multiruns(bench: Bench):
    bench.behave({"own-0": "refuse", "1.0-0": "refuse", "1.0-1": "refuse"})
    bench.run()
    bench.calls()
    text, complete = bench.run(launcher="joblib", jobs=3)
    hydra = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=3"]
    assert bench.calls() == [
        ["-m", "experiment=baseline", "seed=0", *COMMON, *hydra],
        ["-m", "experiment=baseline", "seed=0,1", *COMMON, "aggregation.power=1.0", *hydra],
    ]
    assert not complete and "1 of 4 finished" in text


def test_a_dry_run_names_the_launcher(bench: Bench):
    text, _ = bench.run(launcher="submitit_slurm", dry_run=True)
    assert "would run:\n  star-train -m experiment=baseline seed=0,1" in text
    assert text.count("hydra/launcher=submitit_slurm hydra.launcher.name=small") == 2
    assert bench.calls() == []


@pytest.mark.parametrize(
    ("name", "jobs", "given", "expected"),
    [
        ("joblib", None, (), ["hydra.launcher.n_jobs=1"]),
        ("joblib", 2, ("hydra.launcher.n_jobs=5",), ["hydra.launcher.n_jobs=5"]),
        ("submitit_local", 2, (), ["hydra.launcher.name=small", "hydra.sweeper.max_batch_size=2"]),
        ("submitit_slurm", None, (), ["hydra.launcher.name=small"]),
        (
            "submitit_slurm",
            8,
            ("hydra.launcher.name=mine", "+hydra.launcher.partition=npu"),
            ["hydra.launcher.array_parallelism=8", "hydra.launcher.name=mine", "+hydra.launcher.partition=npu"],
        ),
        ("ray", 2, (), ["++hydra.launcher.ray.init.num_cpus=2"]),
        ("ray", None, ("hydra.launcher.ray.init.address=auto",), ["hydra.launcher.ray.init.address=auto"]),
    ],
)
def test_what_a_launcher_is_told(name, jobs, given, expected, checked: CheckedStudy):
    study = replace(checked, launcher=given)
    assert launched([["-m"]], name, jobs, study) == [["-m", f"hydra/launcher={name}", *expected]]


@pytest.mark.parametrize(("jobs", "limits"), [(1, [1, 1, 1]), (3, [1, 1, 1]), (8, [3, 3, 2])])
def test_runs_at_a_time_are_shared_out_among_arrays(jobs: int, limits: list[int], checked: CheckedStudy):
    commands = launched([["a"], ["b"], ["c"]], "submitit_slurm", jobs, checked)
    assert [command[-1] for command in commands] == [f"hydra.launcher.array_parallelism={limit}" for limit in limits]


def test_a_ray_cluster_has_a_queue_without_a_limit_of_ours(checked: CheckedStudy):
    joins = ("hydra.launcher.ray.init.address=auto",)
    assert has_queue("ray", joins) and not has_queue("ray", ())
    with pytest.raises(StudyError, match="num_cpus"):
        launched([["-m"]], "ray", 2, replace(checked, launcher=joins))


def test_no_plugin_of_hydra_at_all(monkeypatch: pytest.MonkeyPatch):
    def no_such_package(name: str) -> None:
        if "." in name:
            raise ModuleNotFoundError(name)

    monkeypatch.setattr(launcher, "find_spec", no_such_package)
    with pytest.raises(StudyError, match="pip install"):
        check_launcher("ray")


def test_a_launcher_that_is_not_installed(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launcher, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"hydra/launcher=ray is not installed: pip install -e '.\[ray\]'"):
        check_launcher("ray")
    with pytest.raises(StudyError, match=r"\[slurm\]"):
        bench.run(launcher="submitit_local")


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_so_many_multiruns_go_on_at_once(at_once: int, bench: Bench):
    script = (
        "import os, sys, time\n"
        "def going(): return len([f for f in os.listdir(os.environ['STUB']) if f.startswith('going')])\n"
        "open(os.environ['STUB'] + '/' + sys.argv[1], 'w').close()\n"
        "end = time.monotonic() + 5\n"
        f"while going() < {at_once} and time.monotonic() < end: time.sleep(0.05)\n"
        "time.sleep(0.3)\n"
        "open(os.environ['STUB'] + '/most', 'a').write(f'{going()}\\n')\n"
        "time.sleep(0.3)\n"
        "os.remove(os.environ['STUB'] + '/' + sys.argv[1])\n"
    )
    (bench.stub / "script.py").write_text(script)
    with open(bench.stub / "lock", "w") as lock:
        launcher.launch(
            [[f"going{number}"] for number in range(3)],
            launcher="submitit_slurm",
            at_once=at_once,
            environment=dict(os.environ),
            lock=lock.fileno(),
            program=(sys.executable, str(bench.stub / "script.py")),
        )
    assert max(map(int, (bench.stub / "most").read_text().split())) == at_once


def test_ctrl_c_ends_the_multiruns(bench: Bench):
    began = time.monotonic()
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with open(bench.stub / "lock", "w") as lock, pytest.raises(KeyboardInterrupt):
        launcher.launch(
            [["60"]], launcher="joblib", at_once=1, environment=dict(os.environ), lock=lock.fileno(), program=("sleep",)
        )
    assert time.monotonic() - began < 30

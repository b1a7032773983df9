"""Studies on a Slurm cluster of one node, which these tests start."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.commands import start
from support.real_studies import assert_continued, going_with_a_checkpoint, runs_in, write_study
from support.slurm_cluster import hasten, preempt, slurm, slurm_cluster
from support.tiny_vcm import write_tiny_vcm

from star.study.launcher import is_installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_installed("submitit_slurm"), reason="pip install -e '.[slurm]'"),
]
DEVICE = ("hydra.launcher.gpus_per_node=1", "hydra.launcher.cpus_per_task=1")
EPOCHS = 8


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with slurm_cluster():
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_vcm(tmp_path_factory.mktemp("tiny"), skeletons=False).root


@pytest.fixture(scope="module")
def scores(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Those of the run that nobody interrupts, on this machine without Slurm."""
    outputs = tmp_path_factory.mktemp("uninterrupted")
    study = write_study(outputs, EPOCHS, 0, rows=1)
    with start("study", ("run", str(study), f"dataset.root={root}"), outputs) as process:
        text, _ = process.communicate(timeout=600)
    assert process.returncode == 0, text
    (run,) = runs_in(outputs).values()
    assert run.folder is not None
    return json.loads((run.folder / "scores.json").read_text())


def launch(study: Path, root: Path, outputs: Path, *hydra: str) -> subprocess.Popen[str]:
    return start("study", ("run", str(study), f"dataset.root={root}", "--launcher", "submitit_slurm", *hydra), outputs)


def await_end(process: subprocess.Popen[str], meanwhile: Callable[[], None]) -> None:
    deadline = time.monotonic() + 900
    try:
        while process.poll() is None and time.monotonic() < deadline:
            meanwhile()
            time.sleep(1)
    finally:
        process.terminate()  # a multirun waits for jobs that are gone: this cluster keeps no accounts
        text, _ = process.communicate(timeout=120)
    assert process.returncode == 0, text


def announce_the_time_limit() -> None:
    (job,) = slurm("squeue", "--noheader", "--states=RUNNING", "--format=%i").split()
    slurm("scancel", "--signal=USR2", job)


@pytest.mark.parametrize(
    ("partition", "interrupt", "processes", "by"),
    [
        ("grace", announce_the_time_limit, 1, "SIGUSR2"),
        ("grace", preempt, 1, "SIGTERM"),
        ("grace", preempt, 2, "SIGTERM"),
        ("abrupt", preempt, 1, "SIGTERM"),
    ],
)
@pytest.mark.usefixtures("cluster")
def test_a_job_that_loses_its_place_continues_its_own_run(
    partition: str, interrupt: Callable[[], None], processes: int, by: str, root: Path, scores: dict, tmp_path: Path
):
    study = write_study(tmp_path, EPOCHS, 0, rows=1)
    hydra = (f"hydra.launcher.partition={partition}", f"hardware.processes={processes}", *DEVICE)
    process = launch(study, root, tmp_path, *hydra)
    run = going_with_a_checkpoint(process, tmp_path)
    interrupt()
    await_end(process, hasten)
    assert_continued(run, tmp_path)
    assert run.folder is not None and f"stopped by {by}" in (run.folder / "train.log").read_text()
    if processes == 1:
        assert json.loads((run.folder / "scores.json").read_text()) == scores


@pytest.mark.usefixtures("cluster")
def test_a_limit_holds_for_all_arrays_and_each_job_has_its_device(root: Path, tmp_path: Path):
    process = launch(write_study(tmp_path, 2, 0, 1), root, tmp_path, "--jobs", "2", *DEVICE)
    most = 0
    devices: set[str] = set()

    def look() -> None:
        nonlocal most
        most = max(most, len(slurm("squeue", "--noheader", "--states=RUNNING", "--format=%i").split()))
        going = [run for run in runs_in(tmp_path).values() if run.status == "RUNNING"]
        if len(going) == 2:
            devices.update(device for run in going if (device := device_of(run.tags["pid"])))

    await_end(process, look)
    assert most == 2 and devices == {"0", "1"}
    assert len({run.tags["mlflow.parentRunId"] for run in runs_in(tmp_path).values()}) == 1


def device_of(pid: str) -> str | None:
    try:
        variables = Path(f"/proc/{pid}/environ").read_text().split("\0")
    except OSError:
        return None
    return next((text.partition("=")[2] for text in variables if text.startswith("ASCEND_RT_VISIBLE_DEVICES=")), None)

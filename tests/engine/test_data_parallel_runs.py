"""`star-train` with two processes: one run with the results of one process, also after it was killed, and by msrun."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.commands import SMALL, Command, start
from support.killed_runs import assert_same_run, points, run_folder, status, steps_done, stopped

from star.engine.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def arguments(tiny_root: Path) -> tuple[str, ...]:
    return ("experiment=star", *SMALL, "dataset=hitsz_vcm", f"dataset.root={tiny_root}", "schedule.epochs=1")


@pytest.fixture(scope="module")
def long(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """A run of two processes and nine steps."""
    return (*arguments, "schedule.epochs=3", "schedule.batches_per_epoch=3", "checkpoint_every=1", "hardware=cpu_2")


@pytest.fixture(scope="module")
def whole(command: Command, long: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of the long run, uninterrupted."""
    outputs = tmp_path_factory.mktemp("whole")
    done = command("train", *long, into=outputs)
    assert done.returncode == 0, done.stdout
    return outputs


def worker_of(launcher: int, rank: int) -> int:
    """Process number of one of the launcher's workers."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == launcher and b"MS_ROLE=MS_WORKER" in variables and b"RANK_ID=%d" % rank in variables:
            return int(folder.name)
    raise LookupError(f"process {launcher} has no worker {rank}")


def with_msrun(arguments: tuple[str, ...], outputs: Path) -> subprocess.CompletedProcess[str]:
    """`star-train` with two processes that msrun starts, each on a core of its own where msrun can see to it."""
    commands = Path(sys.executable).parent
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"  # msrun takes the `python` it finds there
    how = ("--worker_num=2", "--local_worker_num=2", "--join=True", "--bind_core=True", f"--master_port={port}")
    return subprocess.run(
        [commands / "msrun", *how, "--log_dir=logs", commands / "star-train", *arguments],
        env={**os.environ, "STAR_OUTPUTS": str(outputs), "PATH": path},
        cwd=outputs,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
        check=False,
    )


def test_one_step_of_two_processes_is_that_of_one(command: Command, arguments: tuple[str, ...], tmp_path: Path):
    found = []
    for name in ("alone", "together", "msrun"):
        outputs = tmp_path / name
        outputs.mkdir()
        one_step = (*arguments, "schedule.batches_per_epoch=1", f"hardware={'cpu' if name == 'alone' else 'cpu_2'}")
        done = with_msrun(one_step, outputs) if name == "msrun" else command("train", *one_step, into=outputs)
        assert done.returncode == 0, done.stdout
        assert status(outputs) == "FINISHED"
        tensors, _ = load_checkpoint(run_folder(outputs) / "checkpoints", "last")
        found.append((tensors, points(outputs), json.loads((run_folder(outputs) / "scores.json").read_text())))
    (alone, points_alone, scores_alone), *two = found
    for together, points_together, scores_together in two:
        for name, tensor in alone.items():
            if name.startswith("model."):
                np.testing.assert_allclose(together[name], tensor, rtol=1e-5, atol=1e-5, err_msg=name)
        assert [point[:2] for point in points_alone] == [point[:2] for point in points_together]
        assert scores_together["final"] == pytest.approx(scores_alone["final"], abs=1e-5)


@pytest.mark.parametrize("mode", ["graph", "pynative"])
def test_local_running_statistics_are_evened_out(
    mode: str, command: Command, arguments: tuple[str, ...], tmp_path: Path
):
    """The mean of the parts' means is that of the whole batch, in the first batch norm."""
    found = []
    local = ("hardware=cpu_2", "hardware.batch_norm=local")
    for number, hardware in enumerate((("hardware=cpu",), local)):
        outputs = tmp_path / str(number)
        outputs.mkdir()
        one_step = (*arguments, "schedule.batches_per_epoch=1", f"hardware.mode={mode}")
        done = command("train", *one_step, *hardware, into=outputs)
        assert done.returncode == 0, done.stdout
        tensors, _ = load_checkpoint(run_folder(outputs) / "checkpoints", "last")
        found.append(tensors["model.backbone.visible_stem.norm.moving_mean"])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-6)
    assert np.abs(found[0]).max() > 1e-3


def test_a_lost_process_ends_the_run_and_one_process_goes_on(
    command: Command, arguments: tuple[str, ...], tmp_path: Path
):
    many = (*arguments, "schedule.epochs=40", "schedule.evaluate_every=40")
    with start("train", (*many, "hardware=cpu_2"), tmp_path) as process:
        deadline = time.monotonic() + 300
        while steps_done(tmp_path) < 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        (log,) = tmp_path.glob("runs/*/train.log")
        os.kill(worker_of(process.pid, 1), signal.SIGKILL)
        lost = time.monotonic()
        text, _ = process.communicate(timeout=100)
    assert time.monotonic() - lost < 60
    assert process.returncode == 1 and "process 1 of 2 was ended by SIGKILL" in text
    assert status(tmp_path) == "FAILED" and steps_done(tmp_path) >= 2
    done = command("train", f"resume={run_folder(tmp_path)}", "hardware=cpu", into=tmp_path)
    assert done.returncode == 0, done.stdout
    assert status(tmp_path) == "FINISHED"
    found = points(tmp_path)
    assert len({point[:2] for point in found}) == len(found)


def test_a_killed_and_resumed_run_is_the_uninterrupted_one(
    command: Command, long: tuple[str, ...], whole: Path, tmp_path: Path
):
    ended = stopped(long, tmp_path, lambda: steps_done(tmp_path) >= 2, signal.SIGTERM)
    assert ended.returncode == 128 + signal.SIGTERM, ended.stdout
    assert status(tmp_path) == "KILLED"
    again = (f"resume={run_folder(tmp_path)}",)
    ended = stopped(again, tmp_path, lambda: steps_done(tmp_path) >= 5, signal.SIGKILL)
    assert ended.returncode == -signal.SIGKILL and "continuing after epoch" in ended.stdout
    assert 5 <= steps_done(tmp_path) < 9
    done = command("train", *again, into=tmp_path)
    assert done.returncode == 0, done.stdout
    assert_same_run(tmp_path, whole)

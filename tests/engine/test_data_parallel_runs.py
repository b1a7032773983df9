"""`star-train` with two processes: one run with the results of one process, also after a process was lost."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from support.commands import SMALL, Command, start
from support.killed_runs import points, run_folder, status, steps_done

from star.engine.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def arguments(tiny_root: Path) -> tuple[str, ...]:
    return ("experiment=star", *SMALL, "dataset=hitsz_vcm", f"dataset.root={tiny_root}", "schedule.epochs=1")


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


def test_one_step_of_two_processes_is_that_of_one(command: Command, arguments: tuple[str, ...], tmp_path: Path):
    found = []
    for hardware in ("cpu", "cpu_2"):
        outputs = tmp_path / hardware
        outputs.mkdir()
        done = command("train", *arguments, "schedule.batches_per_epoch=1", f"hardware={hardware}", into=outputs)
        assert done.returncode == 0, done.stdout
        assert status(outputs) == "FINISHED"
        tensors, _ = load_checkpoint(run_folder(outputs) / "checkpoints", "last")
        found.append((tensors, points(outputs), json.loads((run_folder(outputs) / "scores.json").read_text())))
    (alone, points_alone, scores_alone), (together, points_together, scores_together) = found
    for name, tensor in alone.items():
        if name.startswith("model."):
            np.testing.assert_allclose(together[name], tensor, rtol=1e-5, atol=1e-5, err_msg=name)
    assert [point[:2] for point in points_alone] == [point[:2] for point in points_together]
    assert scores_together["final"] == pytest.approx(scores_alone["final"], abs=1e-5)


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

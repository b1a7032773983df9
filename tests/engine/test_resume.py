"""A run that is killed and resumed is the uninterrupted one; so is one that reads frames or losses in another way."""

from __future__ import annotations

import json
import random
import shlex
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import h5py
import pytest
from support.commands import SMALL, Command
from support.killed_runs import assert_same_run, points, run_folder, status, steps_done, stopped
from support.methods import METHODS
from support.tiny_vcm import write_tiny_vcm

from star.config.compose import group_choices
from star.data.skeleton_stores import HDF5_FILES
from star.engine.checkpoint import load_checkpoint

EPOCHS = 3
OVERRIDES = (
    *("hardware.mode=pynative", f"schedule.epochs={EPOCHS}", "schedule.batches_per_epoch=3", "checkpoint_every=2"),
    *("schedule.evaluate_every=2", "seed=3"),
)


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A run on data in which some frames have no skeleton, which is counted and logged."""
    root = write_tiny_vcm(tmp_path_factory.mktemp("holes"), skeletons=True).root
    with h5py.File(root / HDF5_FILES["train"], "a") as file:
        for number in range(1, 24, 3):
            del file[f"0001/rgb/D1/{number}"]
    return ("experiment=star", *SMALL, "dataset=hitsz_vcm", f"dataset.root={root}", *OVERRIDES)


@pytest.fixture(scope="module")
def whole(command: Command, arguments: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of an uninterrupted run with one loader worker."""
    outputs = tmp_path_factory.mktemp("whole")
    done = command("train", *arguments, "hardware.loader_workers=1", into=outputs)
    assert done.returncode == 0, done.stdout
    assert "data/frames_without_skeleton" in {key for key, _, _ in points(outputs)}
    return outputs


@pytest.mark.slow
def test_neither_loader_workers_nor_losses_read_later_change_anything(
    command: Command, arguments: tuple[str, ...], whole: Path, tmp_path: Path
):
    """Three steps an epoch, read two at a time, with a checkpoint in between."""
    done = command("train", *arguments, "hardware.loader_workers=2", "hardware.sink_size=2", into=tmp_path)
    assert done.returncode == 0, done.stdout
    assert_same_run(tmp_path, whole)
    marks = [json.loads((run_folder(outputs) / "fingerprint.json").read_text()) for outputs in (tmp_path, whole)]
    assert marks[0] == marks[1]


def test_a_killed_and_resumed_run_is_the_uninterrupted_one(
    command: Command, arguments: tuple[str, ...], whole: Path, tmp_path: Path
):
    """Killed before its first checkpoint, in its second epoch and asked to stop in its third; two workers read on."""
    outputs = tmp_path / "with a blank"
    outputs.mkdir()
    killed = stopped(arguments, outputs, lambda: bool(begun_in(outputs)), signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL and status(outputs) == "RUNNING"
    folder = run_folder(outputs)
    assert not (folder / "checkpoints").exists()
    (folder / ".hydra" / "overrides.yaml").write_text("")  # as if killed while Hydra wrote it at a second start

    again = (f"resume={folder}",)
    killed = stopped(again, outputs, lambda: steps_done(outputs) >= 4, signal.SIGKILL)
    assert "it begins anew" in killed.stdout
    assert killed.returncode == -signal.SIGKILL and status(outputs) == "RUNNING"
    last = folder / "checkpoints" / "last.json"
    last.write_bytes(last.read_bytes()[:-1])

    ended = stopped(again, outputs, lambda: steps_done(outputs) >= 7, signal.SIGTERM)
    assert "going on from the checkpoint before it" in ended.stdout and "continuing after epoch" in ended.stdout
    assert ended.returncode == 128 + signal.SIGTERM, ended.stdout
    assert status(outputs) == "KILLED"
    (line,) = [line for line in ended.stdout.splitlines() if "stopped by SIGTERM" in line]
    state = load_checkpoint(folder / "checkpoints", "last")[1]
    assert 7 <= state["step"] <= 9 and state["step"] == 3 * state["epoch"] + state["batch"]

    command_line = shlex.split(line.partition("to go on: ")[2])
    assert command_line == ["star-train", *again]
    done = command("train", *again, "hardware.loader_workers=2", "hardware.sink_size=2", into=outputs)
    assert done.returncode == 0, done.stdout
    assert_same_run(outputs, whole)
    with closing(sqlite3.connect(outputs / "mlflow.db")) as store:
        (worked,) = store.execute("SELECT value FROM tags WHERE key = 'seconds_worked'").fetchone()
        (start, end) = store.execute("SELECT start_time, end_time FROM runs").fetchone()
    assert 0 < float(worked) < (end - start) / 1000
    refused = command("train", *again, "schedule.learning_rate=0.5", into=outputs)
    assert refused.returncode == 1
    assert "config.schedule.learning_rate: 0.5, was 0.1" in refused.stdout


@pytest.mark.slow
@pytest.mark.parametrize("experiment", sorted({*group_choices()["experiment"]} - METHODS))
def test_every_experiment_survives_kills_at_random_moments(
    experiment: str, command: Command, small: tuple[str, ...], tmp_path: Path
):
    draw = random.Random(experiment)
    whole, outputs = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    outputs.mkdir()
    arguments = (f"experiment={experiment}", *small, *OVERRIDES)
    done = command("train", *arguments, into=whole)
    assert done.returncode == 0, done.stdout
    for _ in range(3):
        begun = list(outputs.glob("runs/*/.hydra/overrides.yaml"))
        again = (f"resume={run_folder(outputs)}",) if begun else arguments
        target = steps_done(outputs) + draw.randrange(4)
        number = draw.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
        stopped(again, outputs, lambda target=target: bool(begun_in(outputs)) and steps_done(outputs) >= target, number)
    done = command("train", f"resume={run_folder(outputs)}", into=outputs)
    assert done.returncode == 0, done.stdout
    assert_same_run(outputs, whole)


def begun_in(outputs: Path) -> list[Path]:
    return [path for path in outputs.glob("runs/*/run.json") if json.loads(path.read_text())]

"""The package in examples/own_parts through the real commands: nothing in star knows it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from support.commands import Command
from support.fork_server import Forked, run_forked
from support.processes import wait_until

from star.engine.checkpoint import load_checkpoint
from star.study.launcher import is_installed
from star.tracking.spool import SPOOL_NAME, read_spool

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLE = PROJECT / "examples" / "own_parts"
CONFIG = ("--config-dir", str(EXAMPLE / "conf"))
METHOD = ("experiment=own_method", "size=seconds", "tracker.log_every=1", "checkpoint_every=1")
PYNATIVE = "hardware.mode=pynative"
SEED = 1
BLIND_TO_JOINTS = {"frame_identity", "disturbed_identity", "defence"}
"""Terms that read nothing behind the aggregation."""
OWN_PARAMETERS = ("loss.centre.centres", "model.noisy.classifier.weight", "model.pooling.sharpness")


@pytest.fixture(scope="module", autouse=True)
def on_the_path() -> Iterator[None]:
    """What a user exports: the folder of his package, which is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(EXAMPLE), prepend=os.pathsep)
        patch.delenv("STAR_CONFIG_DIR", raising=False)
        yield


@pytest.fixture(scope="module")
def command() -> Command:
    """Run `star-<name>` with arguments; gives the finished process, both streams in `stdout`."""

    def run(name: str, *arguments: str, into: Path) -> subprocess.CompletedProcess[str]:
        return run_forked(name, arguments, into)

    return run


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Overrides of the example's method, on people that are generated once."""
    return (*METHOD, f"dataset.root={tmp_path_factory.mktemp('people')}")


@pytest.fixture(scope="module")
def whole(command: Command, method: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of one uninterrupted run."""
    outputs = tmp_path_factory.mktemp("whole")
    done = command("train", *CONFIG, *method, PYNATIVE, f"seed={SEED}", into=outputs)
    assert done.returncode == 0, done.stdout
    return outputs


@pytest.fixture(scope="module")
def resumed(command: Command, method: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a sweep that was killed in its second job, which then was resumed without `--config-dir`."""
    outputs = tmp_path_factory.mktemp("killed")
    with Forked("train", (*CONFIG, "-m", *method, PYNATIVE, f"seed=0,{SEED}"), outputs) as process:
        wait_until(lambda: process.ended() or _step(outputs, SEED) >= 2, 300)
        process.send_signal(signal.SIGKILL)
        killed = process.wait()
    assert killed.returncode == -signal.SIGKILL, killed.stdout
    assert 2 <= _step(outputs, SEED) < 6 and not (run_of(outputs, SEED) / "scores.json").exists()
    done = command("train", f"resume={run_of(outputs, SEED)}", into=outputs)
    assert done.returncode == 0, done.stdout
    assert "continuing after epoch" in done.stdout
    return outputs


def run_of(outputs: Path, seed: int) -> Path:
    """The folder of the only run with a seed."""
    records = [*outputs.glob(f"runs/*_seed{seed}/run.json"), *outputs.glob(f"multirun/*/*_seed{seed}/run.json")]
    (folder,) = {record.parent for record in records}
    return folder


def last(outputs: Path, seed: int = SEED) -> Mapping[str, np.ndarray]:
    return load_checkpoint(run_of(outputs, seed) / "checkpoints", "last")[0]


def first_losses(folder: Path) -> dict[str, float]:
    """The terms of the first step by name."""
    events = (line.event for line in read_spool(folder / SPOOL_NAME))
    points = next(event["values"] for event in events if "loss/total" in event.get("values", {}))
    return {key.removeprefix("loss/"): value for key, value in points.items() if key.startswith("loss/")}


def _step(outputs: Path, seed: int) -> int:
    """Of the last checkpoint; 0 before there is one and while it is being replaced."""
    found = list(outputs.glob(f"*/**/*_seed{seed}/checkpoints/last.json"))
    try:
        return json.loads(found[0].read_text())["step"] if found else 0
    except ValueError:
        return 0


def test_the_check_shows_where_every_part_stands(command: Command, method: tuple[str, ...], tmp_path: Path):
    done = command("check", *CONFIG, "--config-only", *method, into=tmp_path)
    assert done.returncode == 0, done.stdout
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.strip()}
    assert rows["pooling"][:3] == ["ConfidentFrames", "frames,", "joints"]
    assert rows["noisy"][:4] == ["NoisyClassifier", "clip_features,", "noisy.noise", "noisy_logits"]
    assert rows["loss.noisy_identity"][:3] == ["Identity", "noisy_logits,", "identities"]
    assert {"CentreDistance", "ModalityGap"} == {rows["loss.centre"][0], rows["loss.modality_gap"][0]}


def test_a_killed_sweep_resumed_without_the_folder_is_the_uninterrupted_run(whole: Path, resumed: Path):
    expected, found = last(whole), last(resumed)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor, err_msg=name)
    scores = [json.loads((run_of(outputs, SEED) / "scores.json").read_text()) for outputs in (whole, resumed)]
    assert scores[0] == scores[1]


def test_own_parameters_are_trained_and_kept(whole: Path):
    tensors = last(whole)
    before = load_checkpoint(run_of(whole, SEED) / "checkpoints", "previous")[0]
    for name in OWN_PARAMETERS:
        assert (tensors[name] != before[name]).any(), name
    assert tensors["loss.centre.centres"].shape == (8, 128)
    drawn = np.random.default_rng([SEED, zlib.crc32(b"loss.centre.centres")]).standard_normal((8, 128), np.float32)
    moved = tensors["loss.centre.centres"] - 0.1 * drawn
    assert 0 < np.abs(moved).max() < 0.05, "they begin where `initial` says"


def test_the_run_is_evaluated_without_the_folder(command: Command, resumed: Path):
    done = command("evaluate", f"run={run_of(resumed, SEED)}", into=resumed)
    assert done.returncode == 0 and "identical to the scores of the run" in done.stdout, done.stdout


def test_a_finished_run_counts_until_the_source_changes(
    command: Command, method: tuple[str, ...], whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    copy = shutil.copytree(EXAMPLE, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("PYTHONPATH", str(copy), prepend=os.pathsep)
    outputs = shutil.copytree(whole, tmp_path / "outputs", ignore=shutil.ignore_patterns("runs"))
    arguments = ("train", *CONFIG, *method, PYNATIVE, f"seed={SEED}")
    assert "finished before, not repeated" in command(*arguments, into=outputs).stdout
    module = copy / "own_parts" / "aggregation.py"
    module.write_text(module.read_text().replace("self.sharpness * confidence", "2 * self.sharpness * confidence"))
    done = command(*arguments, into=outputs)
    assert done.returncode == 0 and "finished before" not in done.stdout, done.stdout
    assert (last(outputs)["model.pooling.sharpness"] != last(whole)["model.pooling.sharpness"]).any()


def test_joints_reach_the_aggregation(command: Command, method: tuple[str, ...], whole: Path, tmp_path: Path):
    """The same frames with the joints where they are in truth, all of them certain."""
    exact = [f"dataset.generate.{error}=0" for error in ("joint_noise", "joint_swap", "joint_dropout")]
    short = ("schedule.epochs=1", "dataset.generate.skeleton_missing=0")
    done = command("train", *CONFIG, *method, PYNATIVE, f"seed={SEED}", *exact, *short, into=tmp_path)
    assert done.returncode == 0, done.stdout
    expected, found = first_losses(run_of(whole, SEED)), first_losses(run_of(tmp_path, SEED))
    same = {name for name, value in found.items() if value == expected[name]}
    assert same == BLIND_TO_JOINTS


def test_the_study_takes_finished_runs_over_and_trains_the_rest(command: Command, resumed: Path, tmp_path: Path):
    outputs = shutil.copytree(resumed, tmp_path / "outputs", ignore=shutil.ignore_patterns("multirun"))
    arguments = (str(EXAMPLE / "study"), "--size", "seconds")
    done = command("study", "run", *arguments, PYNATIVE, "--jobs", "2", into=outputs)
    assert done.returncode == 0 and "4 of 4 finished" in done.stdout, done.stdout
    assert len(list(outputs.glob("runs/*/scores.json"))) == 2, "the method's runs are those of the sweep"
    status = command("study", "status", *arguments, into=outputs).stdout
    assert "4 finished" in status
    report = command("report", *arguments, "--no-page", into=outputs)
    assert report.returncode == 0 and "Missing" not in report.stdout, report.stdout
    assert {"Baseline", "Own method"} <= {
        line.split("|")[1].strip() for line in report.stdout.splitlines() if "|" in line
    }


@pytest.mark.slow
def test_two_processes_begin_with_the_losses_of_one(command: Command, method: tuple[str, ...], tmp_path: Path):
    found = []
    for hardware in ("cpu", "cpu_2"):
        outputs = tmp_path / hardware
        outputs.mkdir()
        done = command("train", *CONFIG, *method, PYNATIVE, f"seed={SEED}", f"hardware={hardware}", into=outputs)
        assert done.returncode == 0, done.stdout
        assert (run_of(outputs, SEED) / "scores.json").exists()
        found.append(first_losses(run_of(outputs, SEED)))
    alone, together = found
    assert alone.keys() == together.keys() >= {"centre", "modality_gap", "noisy_identity"}
    assert together == pytest.approx(alone, abs=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not is_installed("joblib"), reason="Hydra's launcher for joblib is not installed")
def test_a_launcher_of_hydra_trains_the_study(command: Command, tmp_path: Path):
    arguments = ("run", str(EXAMPLE / "study"), "--size", "seconds", PYNATIVE)
    done = command("study", *arguments, "--launcher", "joblib", "--jobs", "2", into=tmp_path)
    assert done.returncode == 0 and "4 of 4 finished" in done.stdout, done.stdout


@pytest.mark.slow
def test_the_package_is_installed_with_its_folder(
    command: Command, method: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """From a copy, in which the build may leave its files."""
    copy = shutil.copytree(EXAMPLE, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    site = tmp_path / "site"
    made = subprocess.run(
        [*pip, "--no-build-isolation", "--no-index", "--target", site, copy], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stdout + made.stderr
    shutil.rmtree(copy)
    monkeypatch.setenv("PYTHONPATH", os.environ["PYTHONPATH"].replace(str(EXAMPLE), str(site)))
    done = command("check", "--config-dir", "pkg://own_parts.conf", "--config-only", *method, into=tmp_path)
    assert done.returncode == 0 and "ConfidentFrames" in done.stdout, done.stdout
    folder = ("--config-dir", "pkg://own_parts.conf")
    done = command("train", *folder, *method, PYNATIVE, "schedule.epochs=1", into=tmp_path)
    assert done.returncode == 0 and "epoch 1/1" in done.stdout, done.stdout

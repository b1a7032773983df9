"""One small run, ranked on harder clips by `star-study`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from support.commands import Command

from star.evaluation.robustness_record import NOTHING, ROBUSTNESS_FILE, Level, read_robustness, write_robustness

OCCLUDED, DROPPED = Level("occlusion", 0.3, 5), Level("joint_dropout", 0.6, 5)


@pytest.fixture
def studies(tmp_path: Path, small: tuple[str, ...]) -> Path:
    """A folder with a study of one seed of two rows, and a study of levels of it."""
    rows = [{"name": name, "label": name, "experiment": name} for name in ("baseline", "star")]
    about = {"title": "Tiny", "common": list(small), "seeds": [0], "baseline": "baseline", "rows": rows}
    (tmp_path / "tiny").mkdir()
    OmegaConf.save(OmegaConf.create({**about, "columns": ["i2v/mAP"]}), tmp_path / "tiny" / "study.yaml")
    levels = {"occlusion": [0.3], "joint_dropout": [0.6]}
    (tmp_path / "harder").mkdir()
    harder = OmegaConf.create({"title": "Harder", "of": "tiny", "levels": levels, "seed": 5})
    OmegaConf.save(harder, tmp_path / "harder" / "study.yaml")
    return tmp_path


@pytest.mark.slow
def test_levels_are_measured_once_and_as_star_evaluate_measures_them(
    command: Command, small: tuple[str, ...], studies: Path, tmp_path: Path
):
    into = tmp_path / "outputs"
    into.mkdir()
    trained = command("train", "experiment=star", "study=tiny", *small, into=into)
    assert trained.returncode == 0, trained.stdout
    (folder,) = (into / "runs").iterdir()
    first = command("study", "run", str(studies / "harder"), into=into)
    assert first.returncode == 1 and "not every run has every level yet" in first.stdout, "the baseline is not trained"
    assert re.search(r"star +0 +\w{8} +3 of 3", first.stdout) and "baseline     0" in first.stdout, first.stdout
    found = read_robustness(folder / ROBUSTNESS_FILE)
    own = json.loads((folder / "scores.json").read_text())
    assert found.measured.keys() == {NOTHING, OCCLUDED, DROPPED}
    assert found.measured[NOTHING].scores == own["final"] and found.measured[NOTHING].protocol == own["protocol"]
    assert found.measured[OCCLUDED].protocol == f"{own['protocol']}, test clips with occlusion 0.3 (seed 5)"
    assert list(into.glob(f"**/artifacts/{ROBUSTNESS_FILE}")), "in the store, too"

    lost = {level: measured for level, measured in found.measured.items() if level != DROPPED}
    write_robustness(folder / ROBUSTNESS_FILE, found._replace(measured=lost))
    again = command("study", "run", str(studies / "harder"), "hardware.loader_workers=1", into=into)
    assert "1 level to measure" in again.stdout and "occlusion 0.3:" not in again.stdout, again.stdout
    assert read_robustness(folder / ROBUSTNESS_FILE) == found, "the same with other workers"

    levels = ("dataset.corruption.joint_dropout=0.6", "dataset.corruption.seed=5")
    alone = command("evaluate", f"run={folder}", *levels, into=into)
    assert found.measured[DROPPED].protocol in alone.stdout, alone.stdout
    assert f"mAP {found.measured[DROPPED].scores['i2v/mAP']:.2f}" in alone.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "study tiny has no finished run to rank: train it first, star-study run"),
        (["run", "schedule.epochs=3"], "schedule.epochs: given schedule.epochs=3, expected only hardware"),
        (["run", "--jobs", "2"], "are for studies that train"),
    ],
)
def test_mistakes(command: Command, studies: Path, tmp_path: Path, arguments: list[str], message: str):
    answer = command("study", arguments[0], str(studies / "harder"), *arguments[1:], into=tmp_path)
    assert answer.returncode != 0 and message in answer.stdout

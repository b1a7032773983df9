"""Runs are told apart by the settings they were trained with, not by how those were written."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from star.config.compose import compose_run
from star.config.schema import Config
from star.config.validate import validate
from star.errors import ReportError
from star.study import settings
from star.study.collect import collect
from star.study.rows import Rows
from star.study.settings import asked_settings, differences
from star.study.study import Row, Study
from star.tracking.fingerprint import relevant_values


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Composing takes time: the settings of the study are composed once."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def rows(study: Study, kept: Path) -> Rows:
    return Rows(study, kept)


@pytest.fixture
def trained(rows: Rows, make_run, tmp_path: Path):
    """`trained(id, seed, settings)`: a run of STAR whose folder says that it was trained with these instead."""

    def make(run_id: str, seed: int, settings: dict | None = None, overrides: str = "", experiment: str = "star"):
        folder = tmp_path / "runs" / run_id
        folder.mkdir(parents=True)
        values = rows.asked["star", seed] | (settings or {})
        (folder / "fingerprint.json").write_text(json.dumps({"config": values}))
        return make_run(run_id, experiment, seed, overrides=overrides)._replace(folder=folder)

    return make


def test_the_same_settings_written_otherwise(study: Study, kept: Path, trained):
    composed, _ = compose_run(["experiment=star", "dataset=synthetic", "skeleton_graph=none", "~loss.joints_bones"])
    run = trained("s0", 0)
    config = validate(OmegaConf.to_container(composed, resolve=True), Config, [])  # type: ignore[arg-type]
    (run.folder / "fingerprint.json").write_text(json.dumps({"config": relevant_values(config)}))
    assert collect(study, [run], kept).runs["baseline"] == {0: run}


def test_the_settings_decide_and_not_the_words(study: Study, rows: Rows, trained):
    row, reason = rows.row_of(trained("s0", 0, {"schedule.epochs": 7}))
    assert row is None
    assert reason == "row star asks for other settings now: schedule.epochs is 7, asked is 130"
    row, reason = rows.row_of(trained("s1", 0, {"aggregation.power": 5.0}, experiment="plain"))
    assert (row, reason) == (None, "no row of the study has its settings")
    assert rows.row_of(trained("s2", 1, {"aggregation.power": 4}, experiment="plain"))[0] == study.rows[2]
    assert rows.row_of(trained("s3", 1, {"hardware.mode": "pynative", "dataset.root": "elsewhere"}))[0] == study.rows[1]


def test_a_run_whose_folder_is_elsewhere_counts_by_its_words(study: Study, rows: Rows, trained):
    run = trained("s0", 0, {"schedule.epochs": 7}, overrides="++aggregation.power=4.0 study=tiny")
    (run.folder / "fingerprint.json").unlink()
    assert rows.row_of(run)[0] == study.rows[2]


def test_what_the_user_fills_in_does_not_count(study: Study, rows: Rows, trained):
    run = trained("s0", 0, {"dataset.min_frames": 13})
    assert rows.row_of(run)[0] is None
    filled = Rows(replace(study, fill_in=("dataset.min_frames=N",)))
    asked = {key: {k: v for k, v in own.items() if k != "dataset.min_frames"} for key, own in rows.asked.items()}
    filled.__dict__["asked"] = asked
    assert filled.row_of(run)[0] == study.rows[1]


def test_a_key_that_one_side_lacks_is_a_difference(rows: Rows):
    """Runs of earlier versions have it by then: a row that differs in such a key only would count them as well."""
    asked = rows.asked["star", 0]
    older = {key: value for key, value in asked.items() if key != "dataset.augmentation.geometry"}
    assert differences(asked, older | {"dataset.gone": 1}) == [
        "dataset.augmentation.geometry is absent, asked is clip",
        "dataset.gone is 1, asked is absent",
    ]
    without = {key: value for key, value in asked.items() if not key.startswith("loss.joints_bones.")}
    assert "loss.joints_bones.weight is absent, asked is 1.0" in differences(asked, without)


def test_all_wrong_rows_are_named_at_once(study: Study):
    wrong = replace(
        study,
        common=("dataset=synthetic", "schedule.epoch=3"),
        rows=(Row("typo", "Typo", "stra"), Row("type", "Type", "star", ("schedule.gamma=x",))),
    )
    with pytest.raises(ReportError) as caught:
        asked_settings(wrong)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("study.yaml has 3 problems:")
    assert "  every row: schedule.epoch: given 3, expected no such key (did you mean epochs?)" in lines
    assert any(line.startswith("  row typo: experiment: given stra, expected one of ") for line in lines)
    assert "  row type: schedule.gamma: given 'x', expected a number (above 0)" in lines


def test_composed_settings_are_kept_until_something_changes(study: Study, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(settings, "_compose", lambda study: {("star", 0): {"seed": 0}})
    asked = asked_settings(study, tmp_path)
    assert asked == {("star", 0): {"seed": 0}}
    monkeypatch.setattr(settings, "_compose", lambda study: pytest.fail("composed again"))
    assert asked_settings(study, tmp_path) == asked
    monkeypatch.setattr(settings, "_compose", lambda study: {("new", 0): {}})
    assert asked_settings(replace(study, seeds=(5,)), tmp_path) == {("new", 0): {}}
    (tmp_path / "studies" / "tiny" / "settings.json").write_text("{")
    assert asked_settings(replace(study, seeds=(6,)), tmp_path) == {("new", 0): {}}

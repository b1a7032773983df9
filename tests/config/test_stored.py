"""Stored configurations: of today, of version 1, and what is in neither."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from star.config.check import check_config, check_overrides
from star.config.migrations import VERSION, migrate, migrate_overrides, migrate_settings
from star.config.stored_run import run_folder, stored_config, stored_overrides
from star.errors import ConfigError
from star.tracking.fingerprint import relevant_values

OVERRIDES = ["experiment=star", "dataset=synthetic", "schedule=quick", "schedule.epochs=3", "seed=4"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder, as this version writes it."""
    (tmp_path / ".hydra").mkdir()
    record = {"run_id": "a" * 32, "overrides": OVERRIDES, "version": VERSION, "config_folders": []}
    (tmp_path / "run.json").write_text(json.dumps(record))
    store(tmp_path, {"version": VERSION, **asdict(check_overrides(OVERRIDES))})
    return tmp_path


def store(folder: Path, values: Any) -> None:
    OmegaConf.save(OmegaConf.create(values), folder / "config.yaml")


def stored(folder: Path) -> Any:
    return OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))


def of_version_1(values: Any) -> Any:
    """What the software wrote before configurations had a version."""
    values = {key: deepcopy(value) for key, value in values.items() if key != "version"}
    pooling = {"kind": "gem", "power": values.pop("aggregation")["power"]}
    values["pooling"] = pooling | {"guided_powers": values.pop("guidance")["sequence"]["powers"]}
    optimiser = values.pop("optimiser")
    values["schedule"] |= {key: optimiser[key] for key in ("momentum", "nesterov", "weight_decay")}
    for key in ("warmup_per", "warmup_start", "decay", "floor"):
        del values["schedule"][key]
    for key in ("stream", "frame_pooling", "frame_head", "clip_head", "branch", "sampler"):
        del values[key]
    for key in ("_target_", "stems"):
        del values["backbone"][key]
    return values


def test_a_run_of_today_is_read_as_it_is(folder):
    assert check_config(stored_config(folder)) == check_overrides(OVERRIDES)


def test_a_choice_of_a_group_can_be_given(folder):
    chosen = check_config(stored_config(folder, ["reranking=temporal", "reranking.halves=0.2"]))
    reranked = check_overrides([*OVERRIDES, "reranking=temporal", "reranking.halves=0.2"])
    assert chosen == reranked and chosen.reranking.k1 == 5


def test_runs_from_before_there_was_re_ranking_had_none(folder):
    before = {key: value for key, value in stored(folder).items() if key != "reranking"}
    store(folder, before)
    assert check_config(stored_config(folder)).reranking.kind == "none"
    values = relevant_values(check_overrides(OVERRIDES))
    assert "reranking" not in values and migrate_settings(values) == values
    values = relevant_values(check_overrides([*OVERRIDES, "reranking=temporal"]))
    assert values["reranking"]["kind"] == "temporal" and migrate_settings(values) == values


def test_a_run_of_version_1_is_what_it_was(folder):
    older = of_version_1(stored(folder))
    older["pooling"] |= {"power": 2.0, "guided_powers": [1.0, 5.0]}
    older["schedule"] |= {"momentum": 0.8, "backbone_factor": 0.25}
    store(folder, older)
    config = check_config(stored_config(folder))
    assert config.guidance["sequence"]["powers"] == [1.0, 5.0]
    assert config.aggregation == {"_target_": "star.models.pooling.GeneralisedMean", "power": 2.0}
    assert config.optimiser["momentum"] == 0.8 and config.optimiser["factors"]["backbone"]["rate"] == 0.25
    same = {"guidance": config.guidance, "aggregation": config.aggregation, "optimiser": config.optimiser}
    now = asdict(check_overrides(OVERRIDES))
    now["schedule"]["backbone_factor"] = 0.25
    assert asdict(config) == now | same


def test_a_baseline_of_version_1_stays_a_baseline_whatever_its_overrides_say_today(folder):
    """Without its experiment, missing keys were once filled from the default one, which has skeleton branches."""
    baseline = asdict(check_overrides(["experiment=baseline", *OVERRIDES[1:]]))
    older = of_version_1({"version": VERSION, **baseline})
    del older["dataset"]["corruption"], older["pooling"]["kind"]
    store(folder, older)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "overrides": ["experiment=gone"]}))
    config = check_config(stored_config(folder))
    assert not config.skeleton_graph.used and "joints_bones" not in config.loss
    assert asdict(config) == baseline


@pytest.mark.parametrize("kind", ["gem", "max"])
def test_the_pooling_of_version_1(folder, kind):
    older = of_version_1(stored(folder))
    older["pooling"]["kind"] = kind
    target = {"gem": "star.models.pooling.GeneralisedMean", "max": "star.models.pooling.Maximum"}[kind]
    assert migrate(older)["aggregation"]["_target_"] == target


def test_a_key_that_nothing_says_is_named_and_never_filled(folder):
    values = stored(folder)
    del values["skeleton_graph"]["joints"]
    values["skeleton_graph"]["no_such_key"] = 1
    store(folder, values)
    with pytest.raises(ConfigError) as error:
        check_config(stored_config(folder))
    assert {problem.key for problem in error.value.problems} == {"skeleton_graph.joints", "skeleton_graph.no_such_key"}


def test_a_configuration_of_a_later_version_is_refused(folder):
    store(folder, stored(folder) | {"version": VERSION + 1})
    with pytest.raises(
        ConfigError, match=f"version: given {VERSION + 1}, expected a configuration this software knows"
    ):
        stored_config(folder)


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2", "\x00"])
def test_a_configuration_that_cannot_be_read_is_named(folder, text):
    (folder / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        stored_config(folder)


def test_overrides_of_version_1_have_the_names_of_today(folder):
    older = ["experiment=star", "pooling=max", "pooling.power=2", "++schedule.momentum=0.8", "schedule.epochs=3"]
    now = ["experiment=star", "aggregation=max", "aggregation.power=2", "++optimiser.momentum=0.8", "schedule.epochs=3"]
    assert migrate_overrides(older) == now and migrate_overrides(now) == now
    (folder / "run.json").write_text(json.dumps({"run_id": "a" * 32, "overrides": older}))
    assert stored_overrides(str(folder))[1] == now


def test_an_override_of_no_key(folder):
    with pytest.raises(ConfigError, match="dataset.corruptoin.occlusion"):
        stored_config(folder, ["dataset.corruptoin.occlusion=0.25"])


def test_an_override_without_effect_on_a_trained_run(folder):
    stored_config(folder, ["schedule.evaluation_batch=2", "reranking=temporal", "reranking.k1=6"])
    with pytest.raises(ConfigError) as error:
        stored_config(folder, ["schedule.epochs=9", "loss.triplet.margin=1", "reranking.k1=6", "dataset.frames=4"])
    assert [problem.key for problem in error.value.problems] == [
        "schedule.epochs",
        "loss.triplet.margin",
        "reranking.k1",
    ]


@pytest.mark.parametrize("content", [b"", b'{"run_id": "aaaa', b"\xff\xfe", b"[]", b"3", b"{}"])
def test_a_record_that_is_not_complete_is_passed_over_and_named(tmp_path, monkeypatch, caplog, content):
    monkeypatch.setenv("STAR_OUTPUTS", str(tmp_path))
    for name, text in (("whole", json.dumps({"run_id": "a" * 32}).encode()), ("half", content)):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_bytes(text)
    assert run_folder("a" * 32) == run_folder("a" * 8) == tmp_path / "runs" / "whole"
    assert content == b"{}" or f"{tmp_path}/runs/half/run.json is passed over" in caplog.text
    with pytest.raises(ConfigError, match="the id of one of the 2 runs"):
        run_folder("b" * 32)


def test_a_run_with_half_a_record_has_the_overrides_hydra_kept(folder):
    (folder / "run.json").write_text("")
    OmegaConf.save(OmegaConf.create(OVERRIDES), folder / ".hydra" / "overrides.yaml")
    assert stored_overrides(str(folder)) == (folder.resolve(), migrate_overrides(OVERRIDES))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_a_configuration_that_was_cut_is_named(folder: Path, share: float):
    """As by a full disk. What is left of it may be YAML."""
    path = folder / "config.yaml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: int(share * len(lines))]))
    with pytest.raises(ConfigError) as error:
        check_config(stored_config(folder))
    assert str(path) in str(error.value) or "given nothing" in str(error.value)


def test_an_empty_configuration_of_version_1_is_named(folder: Path):
    (folder / "config.yaml").write_text("seed: 1\n")
    with pytest.raises(ConfigError, match="a whole configuration; this one was cut or changed"):
        stored_config(folder)

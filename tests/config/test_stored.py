"""Configurations of runs made before a key existed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from star.config.check import check_config, check_overrides
from star.config.stored import stored_config
from star.errors import ConfigError

OVERRIDES = ["experiment=star", "dataset=synthetic", "schedule=quick", "schedule.epochs=3", "pooling.power=2.0"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder, as this version writes it."""
    (tmp_path / ".hydra").mkdir()
    (tmp_path / "run.json").write_text(json.dumps({"run_id": "a" * 32}))
    OmegaConf.save(OmegaConf.create([*OVERRIDES, "hydra.run.dir=somewhere"]), tmp_path / ".hydra" / "overrides.yaml")
    OmegaConf.save(OmegaConf.create(asdict(check_overrides(OVERRIDES))), tmp_path / "config.yaml")
    return tmp_path


def age(folder: Path, *keys: str) -> None:
    """Take keys out of the stored configuration."""
    values: Any = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    for key in keys:
        *groups, name = key.split(".")
        node = values
        for group in groups:
            node = node[group]
        del node[name]
    OmegaConf.save(OmegaConf.create(values), folder / "config.yaml")


def test_a_run_of_today_is_read_as_it_is(folder, caplog):
    caplog.set_level("INFO")
    assert check_config(stored_config(folder)) == check_overrides(OVERRIDES)
    assert not caplog.records


def test_keys_that_did_not_exist_have_the_values_of_today(folder, caplog):
    caplog.set_level("INFO")
    age(folder, "dataset.corruption", "dataset.augmentation.geometry", "backbone.width", "debug")
    config = check_config(stored_config(folder, ["dataset.corruption.occlusion=0.25"]))
    assert config.dataset.corruption.occlusion == 0.25
    assert config.dataset.augmentation.geometry == "clip" and config.debug.limit_identities is None
    assert config.backbone.width == check_overrides(OVERRIDES).backbone.width
    (record,) = caplog.records
    assert "dataset.augmentation.geometry=clip" in record.getMessage()


def test_what_the_run_stored_is_never_replaced(folder):
    age(folder, "pooling.kind", "loss.defence", "dataset.generate.clutter")
    stored = OmegaConf.load(folder / "config.yaml")
    OmegaConf.update(stored, "pooling.power", 7.0)
    OmegaConf.update(stored, "schedule.milestones", [99])
    OmegaConf.save(stored, folder / "config.yaml")
    config = stored_config(folder)
    assert config.pooling.power == 7.0 and config.pooling.kind == "gem"
    assert "defence" not in config.loss and "clutter" not in config.dataset.generate
    assert config.schedule.milestones == [99]


@pytest.mark.parametrize("overrides", [None, ["experiment=gone"]])
def test_a_run_whose_overrides_compose_no_more(folder, overrides):
    age(folder, "dataset.corruption")
    path = folder / ".hydra" / "overrides.yaml"
    path.unlink()
    if overrides:
        OmegaConf.save(OmegaConf.create(overrides), path)
    assert check_config(stored_config(folder)) == check_overrides(OVERRIDES)


def test_an_override_of_no_key(folder):
    with pytest.raises(ConfigError, match="dataset.corruptoin.occlusion"):
        stored_config(folder, ["dataset.corruptoin.occlusion=0.25"])

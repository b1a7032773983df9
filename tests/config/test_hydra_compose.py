"""Composition in which equal choices are composed once, compared with Hydra's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from star.config.compose import compose_run, group_of_overrides
from star.config.folders import VARIABLE
from star.config.hydra_compose import CONFIG_MODULE, composed_by_hydra
from star.config.paths import register_resolvers


def by_hydra(*overrides: str) -> DictConfig:
    register_resolvers()
    with initialize_config_module(CONFIG_MODULE, version_base="1.3"):
        return compose("train", list(overrides), return_hydra_config=True)


def contents(composed: DictConfig) -> dict:
    """Without what only lists the overrides that were given."""
    values = OmegaConf.to_container(composed)
    assert isinstance(values, dict)
    values["hydra"].pop("overrides")
    values["hydra"]["job"].pop("override_dirname")
    return values


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("experiment=star", "size=cpu", "schedule.epochs=3", "seed=7"),
        ("schedule.epochs=3", "experiment=baseline", "schedule.epochs=4", "dataset.root=${oc.env:HOME}/x"),
        ("~loss.joints_bones", "skeleton_graph=none", "+loss.more={_target_:star.losses.Identity,weight:1}"),
        ("++branch.b={_target_:x.Y,rate:0.5}", "++branch.b.rate=2", "schedule.milestones=[1,2]"),
        ("++branch={b:{_target_:x.Y}}", "branch=none"),
        ("hydra.job.chdir=true", "hydra.sweep.dir=elsewhere", "hydra/job_logging=none"),
        ("dataset=synthetic", "backbone=tiny", "study='a, b'", "++dataset.generate={people:3}"),
    ],
)
def test_it_is_what_hydra_composes(overrides: tuple[str, ...]):
    expected = by_hydra(*overrides)
    for _ in range(2):
        found = composed_by_hydra("train", overrides)
        assert contents(found) == contents(expected)
        assert OmegaConf.is_struct(found) == OmegaConf.is_struct(expected)
        assert found.hydra.runtime.choices == expected.hydra.runtime.choices


@pytest.mark.parametrize(
    "override", ["loss.nothing=1", "~loss.nothing", "+seed=3", "seed=1,2", "experiment=nothing", "nothing@here=star"]
)
def test_it_refuses_what_hydra_refuses(override: str):
    with pytest.raises(HydraException) as expected:
        by_hydra(override)
    with pytest.raises(HydraException) as found:
        composed_by_hydra("train", [override])
    assert str(found.value) == str(expected.value)


def test_values_of_one_stay_out_of_the_next():
    first = composed_by_hydra("train", ["experiment=star", "loss.triplet.weight=7"])
    first.schedule.epochs = 1000
    second = composed_by_hydra("train", ["experiment=star"])
    assert second.loss.triplet.weight != 7 and second.schedule.epochs != 1000


def test_a_linked_group_that_was_changed_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "aggregation").symlink_to(tmp_path / "elsewhere")
    for text in ("1", "22"):
        (tmp_path / "elsewhere" / "mine.yaml").write_text(f"_target_: own.Mean\npower: {text}\n")
        assert composed_by_hydra("train", ["aggregation=mine"]).aggregation.power == int(text)


def test_files_that_were_changed_are_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / "aggregation").mkdir()
    (tmp_path / "aggregation" / ".#mine.yaml").symlink_to("nowhere")
    for text in ("1", "22"):
        (tmp_path / "aggregation" / "mine.yaml").write_text(f"_target_: own.Mean\npower: {text}\n")
        composed, problems = compose_run(["aggregation=mine"])
        assert not problems and composed.aggregation.power == int(text)
    (tmp_path / "own_group").mkdir()
    (tmp_path / "own_group" / "one.yaml").write_text("# @package _global_\nseed: 11\n")
    assert composed_by_hydra("train", ["+own_group=one"]).seed == 11
    assert group_of_overrides(["+own_group=one", "seed=3"])["own_group"] == "one"

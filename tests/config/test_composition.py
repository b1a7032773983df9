"""What a method is composed of: its recipe, the size it is run at, and what the command line says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from star.config.check import check_overrides
from star.config.command_line import prepare_command_line
from star.config.compose import compose_run
from star.errors import ConfigError


def schedule(*overrides: str) -> dict[str, Any]:
    composed, problems = compose_run(overrides)
    assert not problems
    return OmegaConf.to_container(composed.schedule, resolve=True)  # type: ignore[return-value]


@pytest.mark.parametrize(
    "overrides, epochs, rate, identities",
    [
        (["experiment=m3reid"], 200, 2e-4, 4),
        (["experiment=m3reid", "size=cpu"], 10, 2e-4, 4),
        (["experiment=m3reid", "size=cpu", "schedule=m3reid"], 200, 2e-4, 4),
        (["experiment=m3reid", "schedule=quick"], 10, 2e-4, 4),
        (["experiment=m3reid", "dataset=bupt_campus"], 200, 1e-4, 4),
        (["experiment=m3reid", "dataset=bupt_campus", "schedule.learning_rate=3"], 200, 3, 4),
        (["experiment=m3reid", "recipe=star"], 130, 0.1, 8),
        (["experiment=baseline", "recipe=m3reid"], 200, 2e-4, 4),
        (["experiment=saadg", "size=cpu"], 10, 0.1, 8),
        (["experiment=baseline", "size=cpu"], 10, 0.1, 16),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_counts(overrides: list[str], epochs: int, rate: float, identities: int):
    found = schedule(*overrides)
    assert (found["epochs"], found["learning_rate"], found["identities"]) == (epochs, rate, identities)


def test_the_adversary_counts_in_the_same_share_of_a_short_training():
    composed, _ = compose_run(["experiment=mitml", "size=cpu"])
    long, _ = compose_run(["experiment=mitml"])
    share = long.loss.confusion.from_epoch / long.schedule.epochs
    assert composed.loss.confusion.from_epoch / composed.schedule.epochs == share


def test_an_experiment_built_on_a_method_keeps_its_recipe_and_its_trunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STAR_CONFIG_DIR", str(tmp_path))
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\ndefaults:\n  - m3reid\n  - override /backbone: resnet18\n  - _self_\n"
    (tmp_path / "experiment" / "own.yaml").write_text(text)
    assert schedule("experiment=own", "dataset=bupt_campus") == schedule("experiment=m3reid", "dataset=bupt_campus")
    composed, _ = compose_run(["experiment=own", "size=cpu"])
    assert composed.backbone.width == 64 and composed.schedule.epochs == 10


def test_a_method_is_an_experiment_and_not_given_beside_one():
    method = ["method=agw", "dataset=synthetic"]
    assert check_overrides(method) == check_overrides(["experiment=agw", "dataset=synthetic"])
    for ask in (check_overrides, prepare_command_line):
        with pytest.raises(ConfigError, match="method: given method=agw and experiment=star, expected not both"):
            ask([*method, "experiment=star"])


@pytest.mark.parametrize("show", [[], ["--cfg", "job"]], ids=["run", "show"])
def test_arguments_of_classes_that_no_file_says_need_no_plus(show: list[str]):
    arguments = [*show, "method=agw", "dataset=synthetic", "backbone.non_local_blocks=[0,1,1,0]"]
    assert "++backbone.non_local_blocks=[0,1,1,0]" in prepare_command_line(arguments)

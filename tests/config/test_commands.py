"""What the commands say of themselves, and the run that `star-evaluate` is given."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from star.cli.evaluate import _evaluate
from star.config import export_command, search_command, skeletons_command
from star.config.commands import keys_of
from star.config.compose import compose_run
from star.config.hydra_compose import composed_by_hydra


def test_a_command_without_groups_has_no_heading_for_them():
    for module in (export_command, search_command):
        said = module.COMMAND.help()
        assert "roup" not in said and "Keys (KEY=VALUE):" in said
    assert "\nGroups (GROUP=CHOICE):\n\n  dataset: " in skeletons_command.COMMAND.help()


def test_the_help_of_training_lists_the_keys_beside_the_groups():
    template = OmegaConf.to_container(composed_by_hydra("train", []).hydra.help)["template"]  # type: ignore[index]
    expected = "\n".join(["Keys beside the groups (KEY=VALUE):", "", *keys_of("train.yaml"), ""])
    assert "  seed: " in expected and "  checkpoint_every: " in expected
    assert expected in template


@pytest.mark.parametrize("name", ["check", "study", "report", "evaluate"])
def test_the_help_names_the_configuration_folder(name: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        getattr(importlib.import_module(f"star.cli.{name}"), f"_{name}")(["--help"])
    assert "--config-dir FOLDER adds a folder with configuration files" in capsys.readouterr().out


def test_a_command_that_has_no_sweep_offers_none():
    _, problems = compose_run(["query=a,b"], "search")
    assert problems == [("query", "a,b", "one value; several need a list in brackets, if the key takes one")]


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """The runs and overrides that were evaluated."""
    found: list[tuple[str, list[str]]] = []

    def evaluate_run(run: str, overrides: list[str], *_: object, **__: object) -> str:
        found.append((run, overrides))
        return ""

    stand_in = SimpleNamespace(evaluate_run=evaluate_run)
    monkeypatch.setitem(sys.modules, "star.engine.reevaluate", stand_in)
    monkeypatch.setattr("star.cli.evaluate.log_to_terminal", lambda: None)
    return found


@pytest.mark.parametrize(
    ("arguments", "overrides"),
    [
        (["run=12345678"], []),
        (["12345678"], []),
        (["12345678", "reranking=temporal"], ["reranking=temporal"]),
        (["reranking=temporal", "--views", "2", "12345678"], ["reranking=temporal"]),
        (["~loss.triplet", "run=12345678", "seed=1"], ["~loss.triplet", "seed=1"]),
    ],
)
def test_a_bare_word_is_the_run_that_is_evaluated(evaluated, arguments: list[str], overrides: list[str]):
    _evaluate(arguments)
    assert evaluated == [("12345678", overrides)]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["seed=1"], "run: given nothing, expected one run (run=RUN)"),
        (["one", "two"], "run: given one, two, expected one run (run=RUN)"),
        ([], "the following arguments are required: run=RUN"),
    ],
)
def test_one_run_is_evaluated(evaluated, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        _evaluate(arguments)
    said = capsys.readouterr().err
    assert complaint in said and evaluated == []
    assert "run=RUN [KEY=VALUE ...]" in said

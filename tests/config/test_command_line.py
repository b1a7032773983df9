from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from star.config.command_line import prepare_command_line, with_stored_overrides
from star.errors import ConfigError


def test_arguments_pass_through_when_all_is_well():
    arguments = ["-m", "experiment=baseline,star", "dataset=synthetic", "hydra.sweeper.max_batch_size=1"]
    assert prepare_command_line(arguments) == arguments


def test_a_mistake_in_any_job_of_a_sweep_is_found_before_the_first():
    with pytest.raises(ConfigError) as error:
        prepare_command_line(["-m", "dataset=synthetic", "schedule.epochs=1,0", "backbone=tiny,resnet5"])
    assert {problem.key for problem in error.value.problems} == {"schedule.epochs", "backbone"}


def test_a_mistake_of_some_jobs_alone_says_which_they_are():
    with pytest.raises(ConfigError) as error:
        prepare_command_line(["-m", "size=cpu", "experiment=star,baseline", "schedule.epochs=1,0", "schedule.epoch=3"])
    message = str(error.value)
    assert "schedule.epochs: given 0, expected an integer (at least 1) (in 2 of 4 jobs, the first is" in message
    assert "the first is experiment=star schedule.epochs=0)" in message
    assert "schedule.epoch: given 3, expected no such key (did you mean epochs?)\n" in message


def test_an_override_that_cannot_be_parsed_is_named():
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        prepare_command_line(["dataset=synthetic", "schedule.epochs"])


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An outputs folder with a run that was started with its own overrides."""
    monkeypatch.setenv("STAR_OUTPUTS", str(tmp_path))
    folder = tmp_path / "runs" / "earlier"
    (folder / ".hydra").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"run_id": "abcdef0123456789"}))
    (folder / ".hydra" / "overrides.yaml").write_text("- dataset=synthetic\n- schedule.epochs=3\n- resume=abcdef01\n")
    return folder


def test_a_run_is_resumed_with_its_own_overrides_in_its_own_folder(stored: Path):
    assert prepare_command_line(["resume=abcdef01", "hardware.loader_workers=1"]) == [
        *("dataset=synthetic", "schedule.epochs=3", "resume=abcdef01", "hardware.loader_workers=1"),
        *(f"hydra.run.dir='{stored}'", "hydra.output_subdir=null"),
    ]
    assert prepare_command_line(["resume=null", "dataset=synthetic"]) == ["resume=null", "dataset=synthetic"]


def test_a_copy_of_a_run_is_named(stored: Path):
    """Both have the id; which one is meant, only its folder says."""
    copy = shutil.copytree(stored, stored.with_name("copy"))
    with pytest.raises(ConfigError) as error:
        prepare_command_line(["resume=abcdef01"])
    (problem,) = error.value.problems
    assert "one of the 2 folders of this run, which are copies" in problem.expected
    assert str(stored) in problem.expected and str(copy) in problem.expected


def test_a_sweep_over_runs_is_checked_with_the_overrides_of_each(stored: Path):
    arguments = ["-m", "resume=abcdef01,abcdef0123456789", "hardware.loader_workers=1"]
    assert prepare_command_line(arguments) == arguments
    assert with_stored_overrides(["resume=abcdef01", "seed=1"]) == [
        *("dataset=synthetic", "schedule.epochs=3", "resume=abcdef01", "seed=1")
    ]
    with pytest.raises(ConfigError) as error:
        prepare_command_line(["-m", "resume=abcdef01,00000000", "schedule.epochs=0"])
    assert {problem.key for problem in error.value.problems} == {"schedule.epochs", "resume"}

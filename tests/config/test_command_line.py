from __future__ import annotations

import pytest

from star.config.command_line import prepare_command_line
from star.errors import ConfigError


def test_arguments_pass_through_when_all_is_well():
    arguments = ["-m", "experiment=baseline,star", "dataset=synthetic", "hydra.sweeper.max_batch_size=1"]
    assert prepare_command_line(arguments) == arguments


def test_new_entries_of_a_dictionary_are_merged():
    arguments = ["dataset=synthetic", "schedule.decay={7:0.1,9:0.01}"]
    assert prepare_command_line(arguments) == ["dataset=synthetic", "++schedule.decay={7:0.1,9:0.01}"]
    with pytest.raises(ConfigError, match="schedule.decay.x: given 'x', expected as key an integer"):
        prepare_command_line(["dataset=synthetic", "schedule.decay={x:0.1}"])


def test_a_mistake_in_any_job_of_a_sweep_is_found_before_the_first():
    with pytest.raises(ConfigError) as error:
        prepare_command_line(["-m", "dataset=synthetic", "schedule.epochs=1,0", "backbone=tiny,resnet5"])
    assert {problem.key for problem in error.value.problems} == {"schedule.epochs", "backbone"}


def test_an_override_that_cannot_be_parsed_is_named():
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        prepare_command_line(["dataset=synthetic", "schedule.epochs"])

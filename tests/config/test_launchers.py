"""What multiruns are told to begin with, by launcher."""

from __future__ import annotations

from pathlib import Path

import pytest

from star.config.command_line import prepare_command_line
from star.config.launchers import DEFAULTS, chosen_launcher, with_launcher_defaults
from star.errors import ConfigError
from star.study.launcher import is_installed

SMALL = ["dataset=synthetic", "backbone=tiny", "schedule=quick"]
slurm = pytest.mark.skipif(not is_installed("submitit_slurm"), reason="pip install -e '.[slurm]'")


def test_other_launchers_stay_as_they_are():
    assert chosen_launcher(["seed=0,1"]) is None
    for overrides in (["seed=0,1"], ["seed=0,1", "hydra/launcher=joblib"]):
        assert with_launcher_defaults(overrides) == overrides


def test_what_the_user_says_replaces_a_default():
    given = ["hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=60"]
    told = with_launcher_defaults(given)
    assert told[-2:] == given and "hydra.launcher.max_num_timeout=30" in told
    assert [text for text in told if "timeout_min" in text] == given[1:]


@slurm
@pytest.mark.parametrize("launcher", ["submitit_local", "submitit_slurm"])
def test_hydra_takes_the_defaults(launcher: str):
    from hydra import compose, initialize_config_module

    with initialize_config_module("star.conf", version_base="1.3"):
        overrides = with_launcher_defaults([f"hydra/launcher={launcher}"])
        composed = compose("train", overrides, return_hydra_config=True).hydra.launcher
    assert composed.timeout_min > 60 and composed.name == "star"
    if launcher == "submitit_slurm":
        assert composed.additional_parameters == {"requeue": True}
        assert "ASCEND_RT_VISIBLE_DEVICES=$SLURM_JOB_GPUS" in composed.setup[0]


@slurm
def test_a_sweep_of_star_train_has_them_and_one_run_has_not():
    launcher = ["hydra/launcher=submitit_slurm"]
    assert prepare_command_line(["-m", *launcher, *SMALL]) == ["-m", *DEFAULTS["submitit_slurm"], *launcher, *SMALL]
    assert prepare_command_line(SMALL) == SMALL


@slurm
@pytest.mark.skipif(Path("/dev/davinci_manager").exists(), reason="this machine has an Ascend device")
def test_only_jobs_elsewhere_may_have_devices_that_are_not_here():
    ascend = ["-m", *SMALL, "hardware=ascend"]
    assert "hardware=ascend" in prepare_command_line([*ascend, "hydra/launcher=submitit_slurm"])
    with pytest.raises(ConfigError, match="no Ascend driver"):
        prepare_command_line([*ascend, "hydra/launcher=submitit_local"])


def test_a_ray_of_others_gets_what_a_ray_of_ours_inherits():
    ours = with_launcher_defaults(["hydra/launcher=ray"])
    theirs = with_launcher_defaults(["hydra/launcher=ray", "hydra.launcher.ray.init.address=auto"])
    more = "\n".join(text for text in theirs if text not in ours)
    assert (
        "object_store_memory=null" in more and "env_vars.STAR_PARENT_RUN=" in more and "env_vars.STAR_OUTPUTS=" in more
    )

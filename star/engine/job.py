"""What Hydra knows of a run: its folder, its choices and its overrides."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from star.config.command_line import with_stored_overrides
from star.config.compose import group_of_overrides
from star.config.schema import Config
from star.config.stored_run import run_folder


class Job(NamedTuple):
    """What Hydra knows of a run.

    Attributes:
        folder: the run's own folder; of a run resumed in a sweep not that of Hydra's job.
        experiment: choice of the group `experiment`.
        choices: of all groups.
        overrides: as given on the command line.
    """

    folder: Path
    experiment: str
    choices: dict[str, str]
    overrides: list[str]


def hydra_job(config: Config) -> Job:
    """The job that Hydra runs in this process; one resumed in a sweep is the stored run's."""
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.MULTIRUN and config.resume:
        overrides = with_stored_overrides(hydra.overrides.task)
        choices = group_of_overrides(overrides)
        return Job(run_folder(config.resume), choices["experiment"], choices, overrides)
    choices = {g: str(c) for g, c in hydra.runtime.choices.items() if "/" not in str(g) and g != "hydra"}
    return Job(Path(hydra.runtime.output_dir), choices["experiment"], choices, list(hydra.overrides.task))

"""The arguments of `star-train`, checked and completed before Hydra sees them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from star.config.check import check_config, check_overrides
from star.config.compose import sweep_jobs
from star.config.folders import search_path, take_config_folders
from star.config.launchers import CLUSTERS, chosen_launcher, with_launcher_defaults
from star.config.method import methods_as_experiments
from star.config.schema import Config
from star.config.slots import PLACES
from star.config.stored_run import run_folder, stored_overrides
from star.config.typed import as_typed, quoted, value_of
from star.errors import ConfigError, Problem

_OPEN = {place.partition(".")[0] for place in PLACES}
"""Groups whose keys are the arguments of a class."""


def prepare_command_line(arguments: Sequence[str]) -> list[str]:
    """Check every job that `arguments` ask for and give the arguments Hydra is to be called with.

    `resume=RUN` becomes the run's own overrides and folder, so that a run is continued with what it was started with;
    Hydra leaves its record of the first start, `.hydra/`, as it is, or values that are refused would stay in it.
    In a sweep over runs (`-m resume=RUN,RUN`) each job finds its own, see `check_job`. A sweep's launcher gets the
    defaults of `star.config.launchers`; what only concerns the machine is left to the jobs of a cluster.

    Hydra's own switches that only show something pass unchecked; the job checks its composed configuration again.
    Configuration folders in use go on Hydra's search path.

    Args:
        arguments: of `star-train`, without the program's name.

    Raises:
        ConfigError: lists every problem of all jobs.
    """
    arguments = as_typed(methods_as_experiments(take_config_folders(arguments)))
    options = get_args_parser().parse_args(arguments)
    switches = [text for text in arguments if text not in options.overrides]
    overrides = options.overrides
    only_shows = options.help or options.hydra_help or options.cfg or options.info or options.shell_completion
    if only_shows:
        return [*switches, *map(_with_open_key, overrides), *search_path()]
    for key, given in (("--config-name", options.config_name), ("--config-path", options.config_path)):
        if given:
            expected = (
                "nothing: the primary configuration is conf/train.yaml; make an experiment in a folder of your own"
            )
            raise ConfigError([Problem(key, given, f"{expected} (--config-dir)")])
    if options.multirun and "MS_WORKER_NUM" in os.environ:
        raise ConfigError([Problem("-m", "a sweep under msrun", "star-train -m hardware.processes=N without msrun")])
    here = chosen_launcher(overrides) not in CLUSTERS
    _check_jobs(sweep_jobs(overrides) if options.multirun else [overrides], here=here)
    if not options.multirun and (run := _resumed_run(overrides)):
        place = (f"hydra.run.dir={quoted(str(run_folder(run)))}", "hydra.output_subdir=null")
        overrides = [*with_stored_overrides(overrides), *place]
    prepared = with_launcher_defaults(overrides) if options.multirun else overrides
    return [*switches, *map(_with_open_key, prepared), *search_path()]


def _check_jobs(jobs: Sequence[Sequence[str]], *, here: bool) -> None:
    """Raises ConfigError with every problem once; one that not all jobs have says which is the first that does."""
    found: dict[Problem, list[Sequence[str]]] = {}
    for job in jobs:
        try:
            check_overrides(with_stored_overrides(job), here=here)
        except ConfigError as error:
            for problem in error.problems:
                found.setdefault(problem, []).append(job)
    problems = []
    for problem, of in found.items():
        own = [text for text in of[0] if any(text not in job for job in jobs)]
        where = f" (in {len(of)} of {len(jobs)} jobs, the first is {' '.join(own)})" if len(of) < len(jobs) else ""
        problems.append(problem._replace(expected=problem.expected + where))
    if problems:
        raise ConfigError(problems)


def _with_open_key(override: str) -> str:
    """An override of a key that a class takes though no file need say it, in the form in which Hydra adds it."""
    group, dot, _ = override.partition("=")[0].partition(".")
    return f"++{override}" if dot and group in _OPEN else override


def check_job(composed: DictConfig) -> Config:
    """The checked configuration of the job that Hydra is about to run.

    In a sweep over runs to resume, Hydra has composed the job without what the run was started with.

    Raises:
        ConfigError: lists every problem.
    """
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.MULTIRUN and composed.resume:
        return check_overrides(with_stored_overrides(hydra.overrides.task))
    return check_config(composed)


def with_stored_overrides(overrides: Sequence[str]) -> list[str]:
    """What a job is composed of: with `resume=RUN` first the overrides the run was started with.

    Raises:
        ConfigError: there is no such run.
    """
    run = _resumed_run(overrides)
    return [*stored_overrides(run)[1], *overrides] if run else list(overrides)


def _resumed_run(overrides: Sequence[str]) -> str | None:
    runs = [value_of(text) for text in overrides if text.startswith("resume=")]
    return str(runs[-1]) if runs and runs[-1] not in ("", None) else None

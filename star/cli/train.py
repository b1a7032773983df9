"""The command `star-train`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from star.cli.command import errors_as_sentences, exit_with, log_to_terminal
from star.cli.exported import exported_embedders
from star.errors import ConfigError, Problem


def train() -> None:
    """`star-train`: train and rank one configuration, or with -m a sweep of them."""
    from star.engine.launch import is_scheduler, is_worker, leave_after, schedule

    if is_scheduler():
        exit_with(_check_command_line)  # or it would wait for workers that find the same mistake and end
        schedule()
    elif is_worker():
        leave_after(lambda: exit_with(_train))
    else:
        exit_with(_train)


def _train(arguments: Sequence[str]) -> None:
    from hydra import main
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException
    from hydra.types import RunMode
    from omegaconf import DictConfig

    from star.config.command_line import prepare_command_line
    from star.config.folders import search_path
    from star.config.paths import register_resolvers
    from star.engine.launch import LAUNCHER, worker_arguments

    register_resolvers()
    own = LAUNCHER in os.environ
    prepared = [*arguments, *search_path()] if own else prepare_command_line(arguments)
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")

    @main(version_base="1.3", config_path="pkg://star.conf", config_name="train")
    def job(composed: DictConfig) -> float:
        from star.config.command_line import check_job
        from star.engine.run import run_job

        log_to_terminal()
        single = HydraConfig.get().mode == RunMode.RUN  # of a sweep Hydra takes the error and goes on
        with errors_as_sentences() if single else nullcontext():
            return run_job(check_job(composed), exported_embedders)

    try:
        with worker_arguments(prepared) as own:
            sys.argv[1:] = own
            job()
    except HydraException as error:
        raise ConfigError([Problem("configuration", " ".join(arguments), str(error))]) from error


def _check_command_line(arguments: Sequence[str]) -> None:
    from star.config.command_line import prepare_command_line

    prepare_command_line(arguments)

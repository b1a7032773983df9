"""The command `star-study`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from star.cli.command import OF_EVERY_COMMAND, exit_with, log_to_terminal
from star.errors import StudyError


def study() -> None:
    """`star-study run STUDY_FOLDER`, `star-study status STUDY_FOLDER`: train what is missing of a study, or show it."""
    exit_with(_study)


def _study(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-study", description="Train what is missing of a study, and only that, or "
                                     "show how far it is. docs/studies.md has examples.",
                                     epilog=OF_EVERY_COMMAND)  # fmt: skip
    parser.add_argument("command", choices=("run", "status"), help="run: train what is missing; status: rows and "
                        "seeds with state, time and last scores")  # fmt: skip
    parser.add_argument("study", type=Path, help="folder with study.yaml, e.g. experiments/quickstart")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="for run: values for the study's fill_in "
                        "(dataset.root=FOLDER), for hardware, for Hydra (hydra.launcher.partition=NAME)")  # fmt: skip
    parser.add_argument("--size", help="which size of the study, e.g. cpu (default: the first in study.yaml)")
    parser.add_argument("--uri", help="MLflow tracking store (default: sqlite in the outputs folder)")
    run = parser.add_argument_group("for run")
    run.add_argument("--dry-run", action="store_true", help="say what would be run and with which commands")
    run.add_argument("--jobs", type=int, metavar="N", help="runs at a time (default: 1)")
    run.add_argument("--launcher", choices=("joblib", "submitit_local", "submitit_slurm", "ray"),
                     help="leave the runs to a launcher of Hydra (default: processes of this command)")  # fmt: skip
    run.add_argument("--repeat-outdated", action="store_true",
                     help="also train again what was finished with other code or package versions")  # fmt: skip
    options = parser.parse_intermixed_args(list(arguments))
    from star.config.paths import outputs_folder

    store = {"size": options.size, "uri": options.uri, "outputs": outputs_folder()}
    from star.study.level_study import is_level_study

    if is_level_study(options.study):
        if options.jobs is not None or options.launcher or options.repeat_outdated:
            parser.error("--jobs, --launcher and --repeat-outdated are for studies that train; this one has `of`")
        _study_levels(options, store)
        return
    if options.command == "status":
        from star.study.status import status

        sys.stdout.write(status(options.study, **store) + "\n")
        return
    if options.jobs is not None and options.jobs < 1:
        parser.error(f"--jobs: given {options.jobs}, expected a number from 1")
    from star.study.runner import run_study

    log_to_terminal()
    text, complete = run_study(
        options.study,
        options.overrides,
        **store,
        jobs=options.jobs,
        launcher=options.launcher,
        dry_run=options.dry_run,
        repeat_outdated=options.repeat_outdated,
    )
    sys.stdout.write(text + "\n")
    if not complete:
        raise StudyError("not all runs finished; the same command once more continues")


def _study_levels(options: argparse.Namespace, store: dict[str, Any]) -> None:
    from star.study.run_levels import run_levels, status_levels

    if options.command == "status":
        sys.stdout.write(status_levels(options.study, **store) + "\n")
        return
    log_to_terminal()
    text, complete = run_levels(options.study, options.overrides, **store, dry_run=options.dry_run)
    sys.stdout.write(text + "\n")
    if not complete:
        raise StudyError("not every run has every level yet")

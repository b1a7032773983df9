"""The commands: parsing, logging and exit codes only. MindSpore is imported by what they call, after the check."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from star.errors import ConfigError, Problem, StarError, StudyError

logger = logging.getLogger(__name__)

_OVERRIDES = "overrides of the configuration as for star-train, e.g. dataset=synthetic"


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


def evaluate() -> None:
    """`star-evaluate run=ID_OR_FOLDER`: rank the test set again with a run's own model."""
    exit_with(_evaluate)


def report() -> None:
    """`star-report STUDY_FOLDER`: tables, figures and page of a study; `star-report --runs A,B`: two runs compared."""
    exit_with(_report)


def check() -> None:
    """`star-check [OVERRIDES]`: check a configuration and its data set."""
    exit_with(_check)


def skeletons() -> None:
    """`star-skeletons KEY=VALUE ...`: write the skeleton files of a data set, estimated or imported."""
    exit_with(_skeletons)


def pack() -> None:
    """`star-pack`: a data set with its skeletons in one file."""
    exit_with(_pack)


def study() -> None:
    """`star-study run STUDY_FOLDER`, `star-study status STUDY_FOLDER`: train what is missing of a study, or show it."""
    exit_with(_study)


def exit_with(command: Callable[[Sequence[str]], None]) -> None:
    """Run a command; an error that is the input's fault becomes one message and exit code 1.

    `--config-dir FOLDER` is taken from the arguments of every command.
    """
    from star.config.folders import take_config_folders

    try:
        command(take_config_folders(sys.argv[1:]))
    except StarError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


def _check_command_line(arguments: Sequence[str]) -> None:
    from star.config.command_line import prepare_command_line

    prepare_command_line(arguments)


def log_to_terminal() -> None:
    """Beside the progress bar on a terminal; elsewhere one plain line a message."""
    from rich import get_console
    from rich.logging import RichHandler

    handler: logging.Handler
    if get_console().is_terminal:
        handler = RichHandler(show_path=False, show_level=False, log_time_format="%H:%M:%S")
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.setLevel(logging.INFO)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _train(arguments: Sequence[str]) -> None:
    from hydra import main
    from hydra.errors import HydraException
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
        return run_job(check_job(composed))

    try:
        with worker_arguments(prepared) as own:
            sys.argv[1:] = own
            job()
    except HydraException as error:
        raise ConfigError([Problem("configuration", " ".join(arguments), str(error))]) from error


def _evaluate(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-evaluate", description=evaluate.__doc__)
    parser.add_argument("items", nargs="+", metavar="run=ID_OR_FOLDER", help="the run; then overrides such as "
                        "dataset.root=FOLDER or hardware.loader_workers=4")  # fmt: skip
    parser.add_argument("--checkpoint", choices=("last", "best"), default="last", help="which weights (default: last)")
    parser.add_argument("--per-query", action="store_true", help="also write what each query found into the run's "
                        "folder (per_query.csv), for runs older than that file")  # fmt: skip
    parser.add_argument("--views", type=int, default=0, metavar="N", help="also draw what the network attends to and "
                        "how it pools in N clips of the test set, half of each modality, into the run's folder "
                        "(views/)")  # fmt: skip
    options = parser.parse_intermixed_args(list(arguments))
    if options.views < 0:
        parser.error(f"--views: given {options.views}, expected a number from 0")
    runs = [item.removeprefix("run=") for item in options.items if item.startswith("run=")]
    if len(runs) != 1:
        parser.error("give exactly one run=ID_OR_FOLDER")
    from star.engine.reevaluate import evaluate_run

    log_to_terminal()
    overrides = [item for item in options.items if not item.startswith("run=")]
    text = evaluate_run(runs[0], overrides, options.checkpoint, record=options.per_query, views=options.views)
    sys.stdout.write(text + "\n")


def _report(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-report", description=report.__doc__)
    parser.add_argument("study", type=Path, nargs="?", help="folder with study.yaml, e.g. experiments/quickstart")
    parser.add_argument("--runs", metavar="A,B", help="compare two runs instead: ids, their first characters, names or "
                        "folders")  # fmt: skip
    parser.add_argument("--size", help="which size of the study, e.g. cpu (default: the first in study.yaml)")
    parser.add_argument("--uri", help="MLflow tracking store (default: sqlite in the outputs folder)")
    parser.add_argument("--ui", metavar="URL", help="address of MLflow's interface, for links to the runs")
    parser.add_argument("--no-page", dest="page", action="store_false", help="only tables, no figures and no HTML page")
    parser.add_argument("--resample", choices=("identities", "queries"), default="identities", help="what the "
                        "bootstrap over queries draws (default: identities)")  # fmt: skip
    options = parser.parse_intermixed_args(list(arguments))
    if (options.study is None) == (options.runs is None):
        parser.error("give the folder of a study or --runs A,B")
    if options.runs is not None and (options.size or options.ui):
        parser.error("--size and --ui belong to a study, not to --runs")
    from star.config.paths import outputs_folder
    from star.report import compare_runs
    from star.report import report as rebuild

    about: dict[str, Any] = {"uri": options.uri, "outputs": outputs_folder(), "page": options.page}
    if options.runs is not None:
        sys.stdout.write(compare_runs(options.runs, resample=options.resample, **about) + "\n")
        return

    from star.study.level_study import is_level_study

    if is_level_study(options.study):
        from star.report.robustness import level_report

        sys.stdout.write(level_report(options.study, size=options.size, **about) + "\n")
        return

    from star.engine.stored_data import stored_data

    about |= {"interface": options.ui, "open_data": stored_data, "resample": options.resample}
    sys.stdout.write(rebuild(options.study, size=options.size, **about) + "\n")


def _study(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-study", description="Train what is missing of a study, and only that, or "
                                     "show how far it is. docs/studies.md has examples.")  # fmt: skip
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
    from star.study.levels import run_levels, status_levels

    if options.command == "status":
        sys.stdout.write(status_levels(options.study, **store) + "\n")
        return
    log_to_terminal()
    text, complete = run_levels(options.study, options.overrides, **store, dry_run=options.dry_run)
    sys.stdout.write(text + "\n")
    if not complete:
        raise StudyError("not every run has every level yet")


def _check(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-check", description=check.__doc__)
    parser.add_argument("overrides", nargs="*", help=_OVERRIDES)
    parser.add_argument("--config-only", action="store_true", help="do not read the data set")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="write a contact sheet of the data set")
    parser.add_argument("--augmented", type=Path, metavar="PNG", help="write the first training batch as a picture")
    dry = parser.add_argument_group("without a device (docs/ascend.md)")
    dry.add_argument("--dry-run", action="store_true", help="with hardware=ascend: compile the job for Ascend in "
                     "MindSpore's simulation instead of reading the data set; needs no device, no driver")  # fmt: skip
    dry.add_argument("--identities", type=int, metavar="K", help="classes of the classifiers in a dry run (default: "
                     "the identities of one batch)")  # fmt: skip
    dry.add_argument("--kernels", action="store_true", help="list the kernels of a dry run")
    options = parser.parse_intermixed_args(list(arguments))
    from star.config.check import check_overrides

    if not options.dry_run and (options.kernels or options.identities is not None):
        parser.error("--identities and --kernels belong to --dry-run")
    if options.identities is not None and options.identities < 1:
        parser.error(f"--identities: given {options.identities}, expected a number from 1")
    log_to_terminal()
    config = check_overrides(options.overrides, here=not options.dry_run)
    from star.engine.describe_network import describe_network

    sys.stdout.write(f"the configuration is valid\n\n{describe_network(config)}\n")
    if options.dry_run:
        from star.dry_run.command import dry_run
        from star.dry_run.report import as_text

        found = dry_run(config, options.identities)
        sys.stdout.write(f"\n{as_text(found, options.kernels)}\n")
        if not found.compiles:
            raise StarError("not every graph compiles once")
    elif not options.config_only:
        from star.engine.check_data import check_data

        sys.stdout.write(check_data(config, sheet=options.sheet, augmented=options.augmented) + "\n")


def _skeletons(arguments: Sequence[str]) -> None:
    from star.config.commands import read_command
    from star.config.skeletons import COMMAND, RULES, SkeletonsConfig

    config = read_command(arguments, COMMAND, SkeletonsConfig, RULES)
    from star.engine.make_skeletons import make_skeletons

    log_to_terminal()
    sys.stdout.write(make_skeletons(config) + "\n")


def _pack(arguments: Sequence[str]) -> None:
    from star.config.commands import read_command
    from star.config.pack import COMMAND, RULES, PackConfig

    config = read_command(arguments, COMMAND, PackConfig, RULES)
    from star.engine.pack_data import pack_data

    log_to_terminal()
    sys.stdout.write(pack_data(config) + "\n")

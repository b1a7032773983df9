"""The command `star-report`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from star.cli.command import OF_EVERY_COMMAND, exit_with


def report() -> None:
    """`star-report STUDY_FOLDER`: tables, figures and page of a study; `star-report --runs A,B`: two runs compared."""
    exit_with(_report)


def _report(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-report", description=report.__doc__, epilog=OF_EVERY_COMMAND)
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
        from star.report.level_report import level_report

        sys.stdout.write(level_report(options.study, size=options.size, **about) + "\n")
        return

    from star.engine.stored_data import stored_data

    about |= {"interface": options.ui, "open_data": stored_data, "resample": options.resample}
    sys.stdout.write(rebuild(options.study, size=options.size, **about) + "\n")

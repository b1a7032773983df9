"""The command `star-stale`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from star.cli.command import exit_with


def stale() -> None:
    """`star-stale [--close]`: runs that MLflow shows as RUNNING though their process is gone."""
    exit_with(_stale)


def _stale(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-stale", description=stale.__doc__)
    parser.add_argument("--close", action="store_true", help="end them as KILLED; they can be resumed all the same")
    parser.add_argument("--uri", help="MLflow tracking store (default: sqlite in the outputs folder)")
    options = parser.parse_args(arguments)
    from star.config.paths import outputs_folder
    from star.study.stale import stale_runs

    sys.stdout.write(stale_runs(uri=options.uri, outputs=outputs_folder(), close=options.close) + "\n")

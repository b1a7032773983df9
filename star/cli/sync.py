"""The command `star-sync`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from star.cli.command import exit_with, log_to_terminal


def sync() -> None:
    """`star-sync [RUN ...]`: send what ended runs could not send while their store was away."""
    exit_with(_sync)


def _sync(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-sync", description=sync.__doc__)
    parser.add_argument("runs", nargs="*", metavar="RUN", help="id or folder (default: all in the outputs folder)")
    parser.add_argument("--uri", help="store to send to (default: the one each run was opened with)")
    options = parser.parse_args(arguments)
    from star.config.paths import outputs_folder
    from star.config.stored_run import run_folder
    from star.tracking.sync import sync as send

    log_to_terminal()
    folders = [run_folder(run) for run in options.runs]
    sys.stdout.write(send(outputs_folder(), runs=folders, uri=options.uri) + "\n")

"""The command `star-pack`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from star.cli.command import exit_with, log_to_terminal


def pack() -> None:
    """`star-pack`: a data set with its skeletons in one file."""
    exit_with(_pack)


def _pack(arguments: Sequence[str]) -> None:
    from star.config.commands import read_command
    from star.config.pack_command import COMMAND, RULES, PackConfig

    config = read_command(arguments, COMMAND, PackConfig, RULES)
    from star.engine.pack_data import pack_data

    log_to_terminal()
    sys.stdout.write(pack_data(config) + "\n")

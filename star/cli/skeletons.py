"""The command `star-skeletons`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from star.cli.command import exit_with, log_to_terminal


def skeletons() -> None:
    """`star-skeletons KEY=VALUE ...`: write the skeleton files of a data set, estimated or imported."""
    exit_with(_skeletons)


def _skeletons(arguments: Sequence[str]) -> None:
    from star.config.commands import read_command
    from star.config.skeletons_command import COMMAND, RULES, SkeletonsConfig

    arguments = ["dry_run=true" if text == "--dry-run" else text for text in arguments]
    config = read_command(arguments, COMMAND, SkeletonsConfig, RULES)
    from star.engine.make_skeletons import make_skeletons

    log_to_terminal()
    sys.stdout.write(make_skeletons(config) + "\n")

"""The command `star-search`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from star.cli.command import exit_with, log_to_terminal


def search() -> None:
    """`star-search query=FILE gallery=FILE out=FOLDER`: the most similar tracklets of a gallery."""
    exit_with(_search)


def _search(arguments: Sequence[str]) -> None:
    from star.config.commands import read_command
    from star.config.search_command import COMMAND, RULES, SearchConfig

    config = read_command(arguments, COMMAND, SearchConfig, RULES)
    from star.engine.search import search as search_gallery

    log_to_terminal()
    sys.stdout.write(search_gallery(config) + "\n")

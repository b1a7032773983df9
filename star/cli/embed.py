"""The command `star-embed`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from star.cli.command import exit_with, log_to_terminal


def embed() -> None:
    """`star-embed KEY=VALUE ...`: features of tracklets by a trained model."""
    exit_with(_embed)


def _embed(arguments: Sequence[str]) -> None:
    from star.config.embed_command import read_embed_command

    job = read_embed_command(arguments)
    from star.embedding.embed import embed as embed_tracklets

    log_to_terminal()
    sys.stdout.write(embed_tracklets(job) + "\n")

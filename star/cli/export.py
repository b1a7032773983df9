"""The command `star-export`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from star.cli.command import exit_with, log_to_terminal


def export() -> None:
    """`star-export run=RUN`: a run's network as an ONNX model and in MindSpore's own format."""
    exit_with(_export)


def _export(arguments: Sequence[str]) -> None:
    from star.config.commands import read_command
    from star.config.export_command import COMMAND, RULES, ExportConfig

    config = read_command(arguments, COMMAND, ExportConfig, RULES)
    from star.export.export_run import export_run

    log_to_terminal()
    sys.stdout.write(export_run(config) + "\n")

"""The project's commands as processes of their own, and a configuration that runs in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Command = Callable[..., subprocess.CompletedProcess[str]]

SMALL = (
    *("backbone=tiny", "backbone.width=4", "schedule=quick", "schedule.epochs=2", "schedule.identities=2"),
    *("schedule.tracklets=1", "schedule.batches_per_epoch=2", "schedule.evaluate_every=1", "dataset.frames=2"),
    *("dataset.height=32", "dataset.width=16", "dataset.augmentation.pad=2", "tracker.log_every=1"),
)
"""Overrides that make a run as small as it can be."""
ON_ASCEND = (*SMALL, "schedule.evaluation_batch=2", "tracker=none", "hardware=ascend")
"""The same on Ascend."""


def smallest(*overrides: str, base: tuple[str, ...] = SMALL) -> list[str]:
    """The overrides behind `base`; without its trunk if they choose one."""
    own_trunk = any(text.startswith("backbone=") for text in overrides)
    return [*(text for text in base if not (own_trunk and text.startswith("backbone"))), *overrides]


def start(name: str, arguments: tuple[str, ...], outputs: Path) -> subprocess.Popen[str]:
    """Start `star-<name>` as a process of its own."""
    code = f"from star.cli.{name} import {name}; {name}()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "STAR_OUTPUTS": str(outputs)},
        cwd=outputs,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )

"""The tracker of the processes whose numbers the first of several records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal


class SilentTracker:
    """Records nothing; see `star.types.Tracker`."""

    run_id = ""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Nothing."""

    def log_tags(self, tags: Mapping[str, object]) -> None:
        """Nothing."""

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Nothing."""

    def log_model(self, name: str, step: int, scores: Sequence[str], tags: Mapping[str, str]) -> None:
        """Nothing."""

    def finish(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Nothing."""

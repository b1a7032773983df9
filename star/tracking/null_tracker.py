"""The tracker of `tracker=none`: the run's own spool and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from star.tracking.recorder import RunRecorder, run_tags


class NullTracker(RunRecorder):
    """Keeps a run's numbers in its spool only.

    Args:
        experiment, run_name, params, tags: recorded at the head of the spool, as MLflow would have them.
        spool: file of the events.
        run_id: of the run to continue; None: a new one.
    """

    def __init__(
        self,
        *,
        experiment: str,
        run_name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, object],
        spool: Path,
        run_id: str | None = None,
    ):
        super().__init__(run_id or uuid.uuid4().hex, spool)
        self._record_open(
            None, run_name, experiment, resumed=run_id is not None, params=params, tags=run_tags(tags, spool)
        )

"""The rows of a study, and which of them a run belongs to."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from star.config.migrations import migrate_overrides
from star.study.settings import Settings, asked_settings, differences, trained_settings
from star.study.study import Row, Study

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

_SHOWN = 3


class Rows:
    """The rows of a study, asked for with runs.

    Args:
        study: the study.
        outputs: where composed settings are kept between calls, see `asked_settings`.
    """

    def __init__(self, study: Study, outputs: Path | None = None):
        self.study = study
        self._outputs = outputs

    @cached_property
    def asked(self) -> dict[tuple[str, int], Settings]:
        """The settings each row asks for with each seed; see `asked_settings` for what can be wrong with them."""
        return asked_settings(self.study, self._outputs)

    def row_of(self, run: RunRecord) -> tuple[Row | None, str]:
        """The row of a run, whatever the run's status, or None and why it has none.

        The settings the run was trained with decide; its experiment and overrides where its folder is elsewhere.
        """
        seed = run.tags.get("seed", "unknown")
        if seed not in map(str, self.study.seeds):
            return None, f"the study has no seed {seed}"
        named = self._named(run)
        trained = trained_settings(self.study, run)
        if trained is None:
            return named, "" if named else "no row of the study has its experiment and overrides"
        candidates = [named] if named else []
        for row in [*candidates, *self.study.rows]:
            if not differences(self.asked[row.name, int(seed)], trained):
                return row, ""
        if named is None:
            return None, "no row of the study has its settings"
        lines = differences(self.asked[named.name, int(seed)], trained)
        more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        return None, f"row {named.name} asks for other settings now: {'; '.join(lines[:_SHOWN])}{more}"

    def _named(self, run: RunRecord) -> Row | None:
        """The row with the run's experiment whose overrides are all among the run's; of several, the one with most."""
        overrides = migrate_overrides(run.tags.get("overrides", "").split(" "))
        given = f" {' '.join(overrides)} ".replace(" ++", " ")
        rows = [
            row
            for row in self.study.rows
            if row.experiment == run.tags.get("experiment")
            and all(f" {part.lstrip('+')} " in given for part in row.overrides)
        ]
        return max(rows, key=lambda row: len(row.overrides), default=None)

"""A study as one CSV file: one line a cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from star.report.queries import SingleRun
from star.report.statistics import Interval, Resample
from star.report.table import Table
from star.study.study import Study

COLUMNS = (
    *("kind", "row", "label", "column", "seed", "mean", "sd", "difference", "runs", "run_ids", "source"),
    *("interval", "score_low", "score_high", "difference_low", "difference_high", "drawn"),
)


def comma_separated(
    study: Study, tables: Sequence[Table], singles: Sequence[SingleRun], resample: Resample = "identities"
) -> str:
    """Our means with their runs, the single runs, then the published figures with their source.

    `interval` says of which kind the interval is: `seeds` (Student's t over seeds) or `bootstrap identities` and
    `bootstrap queries` (of one run, over its queries); `drawn` is how many of them there were.

    Args:
        study: the study.
        tables: of the last epoch and of the best on the test set.
        singles: the runs one by one.
        resample: what the bootstrap of `singles` draws.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for line in table.lines:
            for column, cell in line.cells.items():
                of_seeds = {} if cell.interval is None else {"interval": "seeds", "drawn": cell.pairs}
                writer.writerow(
                    {
                        **{"kind": table.kind, "row": line.name, "label": line.label, "column": column},
                        **{"runs": len(line.run_ids), "run_ids": " ".join(line.run_ids)},
                        **_plain(mean=cell.mean, sd=cell.deviation, difference=cell.difference),
                        **_ends("difference", cell.interval),
                        **of_seeds,
                    }
                )
    for run in singles:
        for column, cell in run.cells.items():
            writer.writerow(
                {
                    **{"kind": "single_run", "row": run.row.name, "label": run.row.label, "column": column},
                    **{"seed": run.seed, "runs": 1, "run_ids": run.run_id},
                    **{"interval": f"bootstrap {resample}", "drawn": cell.score.count},
                    **_plain(mean=cell.score.mean, difference=cell.difference.mean if cell.difference else None),
                    **_ends("score", cell.score),
                    **_ends("difference", cell.difference),
                }
            )
    for row in study.published:
        for column, value in row.values.items():
            about = {"kind": "published", "label": row.label, "column": column, "source": row.source}
            writer.writerow({**about, **_plain(mean=value)})
    return buffer.getvalue()


def _plain(**values: float | None) -> dict[str, str]:
    return {name: "" if value is None else f"{value:.4f}" for name, value in values.items()}


def _ends(name: str, interval: Interval | None) -> dict[str, str]:
    if interval is None:
        return {}
    return _plain(**{f"{name}_low": interval.low, f"{name}_high": interval.high})

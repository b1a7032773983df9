"""A study as one CSV file: one line a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    import pandas as pd

    cells: list[dict[str, Any]] = []
    for table in tables:
        for line in table.lines:
            about = {"kind": table.kind, "row": line.name, "label": line.label}
            about |= {"runs": len(line.run_ids), "run_ids": " ".join(line.run_ids)}
            for column, cell in line.cells.items():
                cells.append({**about, "column": column, "mean": cell.mean, "sd": cell.deviation})
                cells[-1] |= {"difference": cell.difference, **_ends("difference", cell.interval)}
                cells[-1] |= {} if cell.interval is None else {"interval": "seeds", "drawn": cell.pairs}
    for run in singles:
        about = {"kind": "single_run", "row": run.row.name, "label": run.row.label, "seed": run.seed}
        about |= {"runs": 1, "run_ids": run.run_id, "interval": f"bootstrap {resample}"}
        for column, cell in run.cells.items():
            cells.append({**about, "column": column, "drawn": cell.score.count, "mean": cell.score.mean})
            cells[-1] |= {"difference": cell.difference.mean if cell.difference else None}
            cells[-1] |= {**_ends("score", cell.score), **_ends("difference", cell.difference)}
    for row in study.published:
        about = {"kind": "published", "label": row.label, "source": row.source}
        cells += [{**about, "column": column, "mean": value} for column, value in row.values.items()]
    frame = pd.DataFrame(cells, columns=COLUMNS).astype(dict.fromkeys(("seed", "runs", "drawn"), "Int64"))
    return frame.to_csv(index=False, float_format="%.4f", lineterminator="\n")


def _ends(name: str, interval: Interval | None) -> dict[str, float]:
    return {} if interval is None else {f"{name}_low": interval.low, f"{name}_high": interval.high}

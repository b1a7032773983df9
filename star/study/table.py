"""Plain tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from star.study.standing import Standing, last_scores, minutes, progress
from star.types import DIRECTIONS

HEAD = ("row", "seed", "state", "minutes", *(f"{direction} mAP" for direction in DIRECTIONS), "run", "")
NUMBERS = {1, 3, *range(4, 4 + len(DIRECTIONS))}


def standing_cells(standing: Standing, state: str | None = None, note: str | None = None) -> list[str]:
    """The cells of `HEAD` for one row and seed; `state` and `note` instead of its own."""
    run = standing.run
    notes = [progress(run) if run and standing.state in ("running", "killed", "failed") else "", standing.note]
    cells = [standing.row.name, str(standing.seed), state or standing.state]
    if run is None:
        cells += [""] * (2 + len(DIRECTIONS))
    else:
        scores = last_scores(run)
        cells += [f"{minutes(run):.1f}", *(f"{scores[d]:.2f}" if d in scores else "" for d in DIRECTIONS)]
        cells += [run.run_id[:8]]
    return [*cells, "; ".join(filter(None, notes)) if note is None else note]


def aligned(rows: Sequence[Sequence[str]], numbers: set[int] = NUMBERS) -> str:
    """Lines of columns as wide as their widest cell; columns in `numbers` are aligned right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)

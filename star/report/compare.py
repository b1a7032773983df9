"""Two runs side by side: settings, scores, and which queries one answers better than the other."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from star.errors import ReportError
from star.evaluation.per_query import PER_QUERY_FILE, PerQuery
from star.report.captions import column_head, measured, signed, with_sign
from star.report.differences import configuration, differing, provenance
from star.report.markdown import as_table
from star.report.output import file_finder, reports_folder, write_files
from star.report.queries import FindFile, Queries, load_queries, paired_scores, same_queries
from star.report.scatter import outcome
from star.report.statistics import RESAMPLES, Resample
from star.study.collect import describe, measured_alike
from star.study.study import COLUMNS, PLAIN_COLUMNS
from star.types import DIRECTIONS, Direction

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

LARGEST = 10


def compare_runs(
    runs: str,
    *,
    uri: str | None,
    outputs: Path,
    page: bool = True,
    resample: Resample = "identities",
) -> str:
    """Compare two runs and write it to `<outputs>/reports/runs_<a>_<b>/compare.{md,csv}`.

    Differences are those of the second run to the first.

    Args:
        runs: two run ids, unique beginnings of ids, run names or run folders, with a comma between them.
        uri: address of the MLflow store; None is the one in the outputs folder.
        outputs: folder of runs and reports.
        page: also draw the scatter of the queries.
        resample: what the bootstrap over queries draws.

    Returns:
        The Markdown and where the files are.

    Raises:
        ReportError: not two runs, runs that were not measured alike, or a folder that cannot be written.
        TrackingError: no such run, or the store cannot be read.
    """
    from star.tracking.runs import find_run
    from star.tracking.store import existing_store

    names = _two(runs)
    if len(names) != 2 or not all(names):
        raise ReportError(
            f"--runs: given {runs!r}, expected two runs with a comma between them: --runs 1f2e3d4c,8a9b0c1d"
        )
    address = existing_store(uri, outputs)
    first, second = (find_run(address, name) for name in names)
    _refuse_unlike(first, second)
    find = file_finder(address, outputs)
    records, notes = load_queries([first, second], find)
    text = _text(first, second, records, notes, find, resample)
    files = {"compare.md": text}
    folder = reports_folder(outputs, f"runs_{first.run_id[:8]}_{second.run_id[:8]}")
    directions = _comparable(first, second, records)
    if directions:
        files["compare.csv"] = _comma_separated(directions)
    write_files(folder, files)
    written = [*files]
    if directions and page:
        from star.report.figures import save
        from star.report.scatter import scatter_figure

        pairs: dict[Direction, tuple[np.ndarray, np.ndarray]] = {
            direction: (after.average_precision, before.average_precision)
            for direction, (before, after) in directions.items()
        }
        try:
            save(scatter_figure(pairs, f"B, {second.name}", f"A, {first.name}"), folder, "scatter")
        except OSError as error:
            raise ReportError(f"the figure cannot be written to {folder}: {error.strerror}") from error
        written += ["scatter.pdf", "scatter.png"]
    return f"{text}\nwritten to {folder}: {', '.join(written)}"


def _two(runs: str) -> list[str]:
    """The names between commas; of folders with commas in their names, the two that are there."""
    parts = runs.split(",")
    for place in range(1, len(parts)):
        halves = [",".join(parts[:place]).strip(), ",".join(parts[place:]).strip()]
        if len(parts) > 2 and all(half and Path(half).expanduser().is_dir() for half in halves):
            return halves
    return [part.strip() for part in parts]


def _refuse_unlike(first: RunRecord, second: RunRecord) -> None:
    if first.run_id == second.run_id:
        raise ReportError(f"--runs: both are run {first.run_id}, expected two different runs")
    for run in (first, second):
        if not any(key.startswith("final/") for key in run.metrics):
            raise ReportError(f"run {describe(run)} has no final scores: it is {run.status}")
    before, after = measured_alike(first), measured_alike(second)
    problems = [f"  {name}: {value} and {after[name]}" for name, value in before.items() if value != after[name]]
    if problems:
        pair = f"{describe(first)} and {describe(second)}"
        raise ReportError(
            "\n".join(
                [
                    f"the runs {pair} were not measured alike, a difference of their scores would mean nothing:",
                    *problems,
                    "choose runs with the same data, protocol, T and frame size, or train one again like the other",
                ]
            )
        )


def _text(
    first: RunRecord,
    second: RunRecord,
    records: dict[str, Queries],
    notes: list[str],
    find: FindFile,
    resample: Resample,
) -> str:
    blocks = [
        f"# {first.name} (A) and {second.name} (B)",
        "\n".join(f"- {letter}: run {describe(run)}" for letter, run in (("A", first), ("B", second))),
        f"Measured alike: {measured(measured_alike(first))}.",
        "## Settings in which they differ",
        _settings(first, second, find),
        "## Scores",
        as_table(_scores(first, second, records, resample)),
        _caption(records, resample),
    ]
    directions = _comparable(first, second, records)
    for direction, (before, after) in directions.items():
        blocks += [f"## Queries, {direction}", *_queries(before, after)]
    if notes:
        blocks += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(blocks) + "\n"


def _settings(first: RunRecord, second: RunRecord, find: FindFile) -> str:
    (before, whole), (after, also) = configuration(first, find), configuration(second, find)
    before, after = {"seed": first.tags.get("seed", "")} | before, {"seed": second.tags.get("seed", "")} | after
    if not (whole and also):
        shared = before.keys() & after.keys()
        before, after = ({key: value for key, value in c.items() if key in shared} for c in (before, after))
    rows = [[d.key, *d.values] for d in differing([before, after])]
    rows += [[name, *values] for name, values in _software(first, second)]
    table = as_table([["", "A", "B"], *rows]) if rows else "None."
    incomplete = "" if whole and also else "\n\nOnly parameters in the store are known; other keys are not compared."
    return table + incomplete


def _software(first: RunRecord, second: RunRecord) -> list[tuple[str, list[str]]]:
    """Devices, versions and commits, where they differ."""
    facts = ({name: next(iter(values)) for name, values in provenance([run]).items()} for run in (first, second))
    return [(difference.key, list(difference.values)) for difference in differing(list(facts))]


def _scores(first: RunRecord, second: RunRecord, records: dict[str, Queries], resample: Resample) -> list[list[str]]:
    rows = [["", "A", "B", "B - A", "95 % over queries"]]
    for direction in DIRECTIONS:
        columns = [c for c in COLUMNS if c.startswith(f"{direction}/")]
        columns = [c for c in columns if f"final/{c}" in first.metrics and f"final/{c}" in second.metrics]
        plain = [column for column in columns if column in PLAIN_COLUMNS]
        intervals = {}
        if first.run_id in records and second.run_id in records:
            intervals = paired_scores(direction, plain, records[second.run_id], records[first.run_id], resample)
        for column in columns:
            before, after = first.metrics[f"final/{column}"], second.metrics[f"final/{column}"]
            interval = intervals[column].difference if column in intervals else None
            shown = signed(interval).partition(" ")[2] if interval else "–"
            rows.append([column_head(column), f"{before:.2f}", f"{after:.2f}", with_sign(after - before), shown])
    return rows


def _caption(records: dict[str, Queries], resample: Resample) -> str:
    if len(records) < 2:
        return f"Percent, last epoch. There is no interval over queries: it needs {PER_QUERY_FILE} of both runs."
    drawn = "identities, each with all its queries" if resample == "identities" else "single queries"
    return (
        f"Percent, last epoch. The interval is a paired bootstrap over the queries of these two runs ({RESAMPLES:,} "
        f"draws of {drawn}): it tells how far other people in the test set may move the difference of these trained "
        "weights, not how far other seeds may. One pair of runs does not rank two methods."
    )


def _comparable(
    first: RunRecord, second: RunRecord, records: dict[str, Queries]
) -> dict[Direction, tuple[PerQuery, PerQuery]]:
    """The queries of both runs, A first, by direction."""
    before, after = records.get(first.run_id, {}), records.get(second.run_id, {})
    return {
        direction: (before[direction], after[direction])
        for direction in DIRECTIONS
        if direction in before and direction in after and same_queries(before[direction], after[direction])
    }


def _queries(before: PerQuery, after: PerQuery) -> list[str]:
    difference = after.average_precision - before.average_precision
    wins, losses, ties = outcome(difference)
    blocks = [f"B has the higher average precision in {wins} queries, A in {losses}; {ties} are equal."]
    order = np.argsort(-np.nan_to_num(difference), kind="stable")
    for title, chosen in (("B better", order[:LARGEST]), ("A better", order[::-1][:LARGEST])):
        sign = 1 if title.startswith("B") else -1
        rows = [
            [str(query), f"{after.identity[query]:04d}", str(after.camera[query]), after.first_frame[query],
             *(f"{100 * p[query]:.2f}" for p in (before.average_precision, after.average_precision)),
             with_sign(100 * difference[query]), f"{before.first_hit[query]} to {after.first_hit[query]}"]
            for query in chosen.tolist() if sign * np.nan_to_num(difference[query]) > 0
        ]  # fmt: skip
        if rows:
            head = ["query", "identity", "camera", "first frame", "AP of A", "AP of B", "B - A", "first hit"]
            blocks += [f"{title}, the largest differences:", as_table([head, *rows])]
    return blocks


def _comma_separated(directions: dict[Direction, tuple[PerQuery, PerQuery]]) -> str:
    """All queries, in their order."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ["direction", "query", "identity", "camera", "first_frame", "matches", "average_precision_a",
         "average_precision_b", "difference", "first_hit_a", "first_hit_b"]
    )  # fmt: skip
    for direction, (before, after) in directions.items():
        for query in np.flatnonzero(after.valid).tolist():
            precisions = before.average_precision[query], after.average_precision[query]
            writer.writerow(
                [direction, query, after.identity[query], after.camera[query], after.first_frame[query],
                 after.matches[query], *(f"{p:.6f}" for p in (*precisions, precisions[1] - precisions[0])),
                 before.first_hit[query], after.first_hit[query]]
            )  # fmt: skip
    return buffer.getvalue()

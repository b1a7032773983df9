"""The report of a study of levels: scores against the level of each corruption, as tables, CSV and curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from star.errors import EvaluationError, ReportError
from star.evaluation.robustness_record import NOTHING, ROBUSTNESS_FILE, Level, Measured, Robustness, read_robustness
from star.report.captions import NOTHING as NO_VALUE
from star.report.captions import baseline_label, signed, with_sign
from star.report.curves import levels_figure
from star.report.figures import save
from star.report.markdown import as_table
from star.report.output import file_finder, reports_folder, write_files
from star.report.queries import FindFile
from star.report.statistics import paired_interval
from star.study.collect import Collected, collect
from star.study.level_study import LevelStudy, load_level_study
from star.types import DIRECTIONS, SCORE_NAMES, Direction

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

AXES = {
    "occlusion": "share of the frame covered",
    "joint_noise": "noise on joints, sd as share of frame height",
    "joint_dropout": "share of joints missing",
}
TITLES = {"occlusion": "Occlusion", "joint_noise": "Noise on the joints", "joint_dropout": "Missing joints"}
_SCORE = "mAP"

Scores = Mapping[tuple[str, int], Mapping[Level, Measured]]
"""What was measured, by name of the row and seed."""


def level_report(folder: Path, *, uri: str | None, outputs: Path, size: str | None = None, page: bool = True) -> str:
    """Rebuild tables and curves of a study of levels in `<outputs>/reports/<study>`.

    Args:
        folder: of study.yaml.
        uri: address of the MLflow store; None is the one in the outputs folder.
        outputs: folder of runs and reports.
        size: of the study whose runs are ranked; None is its first.
        page: also draw the curves.

    Returns:
        The Markdown and where the files are.

    Raises:
        ReportError: a wrong study.yaml, nothing measured, or scores that cannot stand beside each other.
        TrackingError: the store cannot be read.
    """
    from star.tracking.runs import study_runs
    from star.tracking.store import existing_store

    study = load_level_study(folder, size)
    address = existing_store(uri, outputs)
    collected = collect(study.of, study_runs(address, study.of.name), outputs)
    if not collected.all:
        raise ReportError(
            f"study {study.of.name} has no finished run to rank: train it first, star-study run {study.of.arguments}"
        )
    records, notes = load_records(collected, file_finder(address, outputs))
    if not records:
        raise ReportError(
            f"none of the {len(collected.all)} finished runs of study {study.of.name} has been ranked on harder clips: "
            f"star-study run {study.arguments}"
        )
    scores = {key: record.measured for key, record in records.items()}
    _refuse_mixture(study, scores)
    chance = next(iter(records.values())).chance
    text = _markdown(study, collected, scores, chance, [*notes, *_notes(study, collected, scores)])
    target = reports_folder(outputs, study.name)
    write_files(target, {"report.md": text, "report.csv": _comma_separated(study, collected, scores)})
    written = ["report.md", "report.csv"]
    if page:
        for kind in study.levels:
            curves: dict[Direction, dict[str, dict[float, list[float]]]] = {
                direction: _curves(study, collected, scores, kind, direction) for direction in DIRECTIONS
            }
            if any(values for rows in curves.values() for points in rows.values() for values in points.values()):
                random: dict[Direction, float] = {d: chance[f"{d}/{_SCORE}"] for d in DIRECTIONS}
                save(levels_figure(curves, level=AXES[kind], chance=random), target, kind)
                written += [f"{kind}.png", f"{kind}.pdf"]
    return f"{text}\nwritten to {target}: {', '.join(written)}"


def load_records(collected: Collected, find: FindFile) -> tuple[dict[tuple[str, int], Robustness], list[str]]:
    """What was measured of each row and seed, and what a reader should know about records left out."""
    records: dict[tuple[str, int], Robustness] = {}
    notes = []
    for row, seed, run in collected.all:
        path = find(run, ROBUSTNESS_FILE)
        if path is None:
            continue
        try:
            record = read_robustness(path)
        except EvaluationError as error:
            notes.append(str(error))
            continue
        if run.tags.get("checkpoint_sha256", record.checkpoint) == record.checkpoint:
            records[row.name, seed] = record
        else:
            notes.append(f"{path} is left out: it was measured with another checkpoint than that of run {run.run_id}")
    return records, notes


def _refuse_mixture(study: LevelStudy, scores: Scores) -> None:
    for level in study.points:
        protocols: dict[str, list[str]] = {}
        for (row, seed), measured in scores.items():
            if level in measured:
                protocols.setdefault(measured[level].protocol, []).append(f"{row} seed {seed}")
        if len(protocols) > 1:
            shown = "\n".join(f"  {protocol}: {', '.join(runs)}" for protocol, runs in protocols.items())
            raise ReportError(
                f"the runs of study {study.of.name} were not measured alike at {level}:\n{shown}\n"
                f"delete {ROBUSTNESS_FILE} in the folders of the odd ones and measure again: "
                f"star-study run {study.arguments}"
            )


def _values(scores: Scores, collected: Collected, row: str, level: Level, column: str) -> dict[int, float]:
    """By seed, in percent."""
    found = {seed: scores.get((row, seed), {}).get(level) for seed in collected.runs[row]}
    return {seed: measured.scores[column] for seed, measured in found.items() if measured is not None}


def _curves(
    study: LevelStudy, collected: Collected, scores: Scores, kind: str, direction: Direction
) -> dict[str, dict[float, list[float]]]:
    """By row label and level: one number a seed."""
    column = f"{direction}/{_SCORE}"
    return {
        row.label: {
            level: list(_values(scores, collected, row.name, Level.of(kind, level, study.seed), column).values())
            for level in study.levels[kind]
        }
        for row in study.of.rows
    }


def _table(study: LevelStudy, collected: Collected, scores: Scores, kind: str, direction: Direction) -> list[list[str]]:
    """A line a level: mean and deviation of each row, then the difference of each to the baseline of the same seed."""
    column, baseline = f"{direction}/{_SCORE}", study.of.baseline
    others = [row for row in study.of.rows if row.name != baseline]
    head = [kind.replace("_", " "), *(row.label for row in study.of.rows)]
    rows = [[*head, *(f"{row.label} - {baseline_label(study.of)}" for row in others), "seeds"]]
    for level in study.levels[kind]:
        point = Level.of(kind, level, study.seed)
        values = {row.name: _values(scores, collected, row.name, point, column) for row in study.of.rows}
        cells = [_mean(list(values[row.name].values())) for row in study.of.rows]
        for row in others:
            pairs = sorted(values[row.name].keys() & values[baseline].keys())
            differences = [values[row.name][seed] - values[baseline][seed] for seed in pairs]
            interval = paired_interval(differences)
            cells.append(signed(interval) if interval or not pairs else with_sign(float(np.mean(differences))))
        counts = {len(found) for found in values.values()}
        rows.append([f"{level:g}", *cells, " to ".join(map(str, sorted({min(counts), max(counts)})))])
    return rows


def _mean(values: list[float]) -> str:
    if not values:
        return NO_VALUE
    return f"{np.mean(values):.2f}" + (f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else "")


def _markdown(
    study: LevelStudy, collected: Collected, scores: Scores, chance: Mapping[str, float], notes: list[str]
) -> str:
    blocks = [f"# {study.title}", *([study.text] if study.text else []), _caption(study, scores, chance)]
    for kind in study.levels:
        blocks.append(f"## {TITLES[kind]}")
        for direction in DIRECTIONS:
            blocks += [f"{direction}, {AXES[kind]}:", as_table(_table(study, collected, scores, kind, direction))]
    missing = _missing(study, collected, scores)
    if missing:
        blocks += ["## Missing", "\n".join(missing), f"To measure it: `star-study run {study.arguments}`"]
        if collected.missing:
            blocks.append(f"To train it before: `star-study run {study.of.arguments}`")
    if notes or collected.notes:
        blocks += ["## Notes", "\n".join(f"- {note}" for note in [*collected.notes, *notes])]
    return "\n\n".join(blocks) + "\n"


def _caption(study: LevelStudy, scores: Scores, chance: Mapping[str, float]) -> str:
    protocols = {point: m.protocol for measured in scores.values() for point, m in measured.items()}
    clean = protocols.get(NOTHING, "not measured")
    random = ", ".join(f"{direction} {chance[f'{direction}/{_SCORE}']:.2f}" for direction in DIRECTIONS)
    return (
        f"{_SCORE} in percent, last epoch, mean ± standard deviation over seeds (n - 1); differences are of runs with "
        "the same seed, with their 95 % confidence interval over seeds. The corruption of a clip is the same for every "
        f"run and grows with the level (seed {study.seed}).\nRuns of study {study.of.name} ({study.of.title}). "
        f"Protocol without corruption: {clean}; a ranking in random order: {random}."
    )


def _missing(study: LevelStudy, collected: Collected, scores: Scores) -> list[str]:
    lines = [f"- {row.label}, seed {seed}: not trained" for row, seed in collected.missing]
    for row, seed, _ in collected.all:
        absent = [str(level) for level in study.points if level not in scores.get((row.name, seed), {})]
        if absent:
            lines.append(f"- {row.label}, seed {seed}: {', '.join(absent)}")
    return lines


def _notes(study: LevelStudy, collected: Collected, scores: Scores) -> list[str]:
    """Clean scores that are not the run's own, and code that changed between measurements."""
    notes = []
    for row, seed, run in collected.all:
        clean = scores.get((row.name, seed), {}).get(NOTHING)
        unlike = [] if clean is None else [name for name, value in clean.scores.items() if _unlike(run, name, value)]
        if unlike:
            notes.append(f"{row.label}, seed {seed}: without corruption {', '.join(unlike)} are not those of the run")
    codes = {m.code for measured in scores.values() for level, m in measured.items() if level in study.points}
    if len(codes) > 1:
        notes.append(f"measured with {len(codes)} versions of the code")
    return notes


def _unlike(run: RunRecord, name: str, value: float) -> bool:
    return abs(run.metrics.get(f"final/{name}", value) - value) > 1e-9


def _comma_separated(study: LevelStudy, collected: Collected, scores: Scores) -> str:
    """One line a run, level and direction."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["kind", "level", "row", "label", "seed", "direction", *SCORE_NAMES, "protocol", "run_id"])
    for kind, levels in study.levels.items():
        for row, seed, run in collected.all:
            for level in levels:
                measured = scores.get((row.name, seed), {}).get(Level.of(kind, level, study.seed))
                if measured is None:
                    continue
                for direction in DIRECTIONS:
                    scored = [measured.scores.get(f"{direction}/{name}") for name in SCORE_NAMES]
                    values = ["" if value is None else f"{value:.4f}" for value in scored]
                    about = [kind, f"{level:g}", row.name, row.label, seed, direction]
                    writer.writerow([*about, *values, measured.protocol, run.run_id])
    return buffer.getvalue()

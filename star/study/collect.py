"""The runs behind each row of a study.

A run belongs to a study by its tag `study` (or because it was finished before and the study found it), and to the row
that asks for its settings (`star.study.rows`).
Only FINISHED runs count, and only seeds the study names. Of several such runs of one row and seed the newest counts.
Equal fingerprints mean that the older one is the same computation; other fingerprints, that settings, data, code or
packages changed since, which is noted. So is a score of the table that a run does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from star.errors import ReportError
from star.study.rows import Rows
from star.study.study import STUDY_FILE, Row, Study
from star.tracking.names import LARGEST_PARAMS
from star.types import DIRECTIONS, RERANKED_TAG, RERANKINGS

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

PROTOCOL_TAGS = {"protocol": "protocol", "clip": "clip", "data_fingerprint": "data fingerprint"}
VARYING_FACTS = {
    "protocol": ("protocol",),
    "clip": ("clip",),
    "data": ("data fingerprint", *(f"valid queries {direction}" for direction in DIRECTIONS)),
    "recipe": (),
}
SHARED_SETTINGS = ("backbone.", "optimiser.", "schedule.", "dataset.")


@dataclass
class Collected:
    """The runs of a study.

    Attributes:
        study: the study; where its rows differ in T or frame size on purpose, their labels say in which.
        runs: by row name and seed; every row of the study is a key.
        missing: row and seed without a run.
        notes: what a reader should know about runs left out or unlike each other.
    """

    study: Study
    runs: dict[str, dict[int, RunRecord]]
    missing: list[tuple[Row, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[tuple[Row, int, RunRecord]]:
        """Row, seed and run, in the order of the table."""
        return [(row, seed, run) for row in self.study.rows for seed, run in self.runs[row.name].items()]


def collect(study: Study, records: Iterable[RunRecord], outputs: Path | None = None) -> Collected:
    """Sort a study's runs into its rows.

    Args:
        study: the study.
        records: all its runs, whatever their status.
        outputs: where composed settings are kept between calls.

    Raises:
        ReportError: the runs that count differ in protocol, clip, data or number of valid queries, or a row cannot be
            composed.
    """
    rows = Rows(study, outputs)
    collected = Collected(study, {row.name: {} for row in study.rows})
    counted: dict[tuple[str, int], list[RunRecord]] = {}
    for run in sorted(records, key=lambda record: record.start):
        row, reason = _counting_row(rows, run)
        if row is None:
            collected.notes.append(f"run {describe(run)} is not counted: {reason}")
        else:
            counted.setdefault((row.name, int(run.tags["seed"])), []).append(run)
    for row in study.rows:
        for seed in study.seeds:
            runs = counted.get((row.name, seed))
            if runs is None:
                collected.missing.append((row, seed))
                continue
            collected.runs[row.name][seed] = runs[-1]
            collected.notes += [*_superseded(row, seed, runs), *_without_scores(study, runs[-1])]
    _refuse_mixture(collected)
    collected.notes += _unlike_settings(collected)
    collected.study = _with_clips(collected)
    return collected


def measured_alike(run: RunRecord) -> dict[str, str]:
    """What all runs of a table must share: protocol, T and frame size, data, number of valid queries."""
    facts = {name: run.tags.get(tag, "not recorded") for tag, name in PROTOCOL_TAGS.items()}
    for direction in DIRECTIONS:
        count = run.metrics.get(f"final/{direction}/valid_queries")
        facts[f"valid queries {direction}"] = "not recorded" if count is None else f"{count:.0f}"
    return facts


def shared_facts(collected: Collected) -> dict[str, str]:
    """What the caption says of all runs of the table: `measured_alike`, or that a fact varies as the study wants it."""
    if not collected.all:
        return {}
    facts = measured_alike(collected.all[0][2])
    for name in _varying(collected.study):
        values = {measured_alike(run)[name] for _, _, run in collected.all}
        facts[name] = facts[name] if len(values) == 1 else "varies by row"
    return facts


def describe(run: RunRecord) -> str:
    """The run as messages name it."""
    return f"{run.run_id} ({run.tags.get('experiment', 'no experiment')}, seed {run.tags.get('seed', 'unknown')})"


def _counting_row(rows: Rows, run: RunRecord) -> tuple[Row | None, str]:
    """The run's row, or None and why it does not count."""
    if run.status != "FINISHED":
        return None, f"it is {run.status}"
    return rows.row_of(run)


def _without_scores(study: Study, run: RunRecord) -> list[str]:
    absent = [column for column in study.columns if f"final/{column}" not in run.metrics]
    if not absent:
        return []
    kinds = [kind for kind in RERANKINGS if any(column.endswith(f"_{kind}") for column in absent)]
    how = [f"`star-evaluate run={run.run_id} reranking={kind}`" for kind in kinds]
    advice = f"; {' and '.join(how)} adds them" if how else ""
    return [f"run {describe(run)} has no final {', '.join(absent)}, so its row has none{advice}"]


def _superseded(row: Row, seed: int, runs: Sequence[RunRecord]) -> list[str]:
    newest = runs[-1]
    notes = []
    for what, same in (("with the same fingerprint", True), ("with another fingerprint", False)):
        older = [r for r in runs[:-1] if (r.tags.get("fingerprint") == newest.tags.get("fingerprint")) == same]
        if older:
            ids = ", ".join(run.run_id for run in older)
            notes.append(f"{row.label}, seed {seed}: the newest run counts, not the older {ids} {what}")
    return notes


def _refuse_mixture(collected: Collected) -> None:
    problems, mixed = [], set()
    varying = _varying(collected.study)
    for name in measured_alike(collected.all[0][2]) if collected.all else ():
        for runs in _groups(collected, by_row=name in varying):
            values: dict[str, list[str]] = {}
            for run in runs:
                values.setdefault(measured_alike(run)[name], []).append(describe(run))
            if len(values) > 1:
                mixed.add(name)
                problems += [f"  {name}: {value}: {', '.join(ids)}" for value, ids in values.items()]
    for kind in RERANKINGS:
        if any(column.endswith(f"_{kind}") for column in collected.study.columns):
            values = {}
            for _, _, run in collected.all:
                if options := run.tags.get(f"{RERANKED_TAG}{kind}"):
                    values.setdefault(options, []).append(describe(run))
            if len(values) > 1:
                problems += [f"  re-ranking {kind}: {options}: {', '.join(ids)}" for options, ids in values.items()]
    if problems:
        keys = ", ".join(key for key, facts in VARYING_FACTS.items() if mixed & {*facts})
        path = collected.study.folder / STUDY_FILE
        on_purpose = f"; rows that differ on purpose are allowed by `varies: [{keys}]` in {path}" if keys else ""
        raise ReportError(
            "\n".join(
                [
                    f"the runs of study {collected.study.name} were not measured alike and cannot stand in one table:",
                    *problems,
                    "train the odd ones again like the others (the newest run of a row and seed counts), or give them "
                    f"another study: delete them or change their tag `study` in MLflow{on_purpose}",
                ]
            )
        )


def _varying(study: Study) -> set[str]:
    return {name for fact in study.varies for name in VARYING_FACTS[fact]}


def _groups(collected: Collected, by_row: bool) -> list[list[RunRecord]]:
    """The runs that must be alike: of each row for itself, or all."""
    if by_row:
        return [list(runs.values()) for runs in collected.runs.values()]
    return [[run for _, _, run in collected.all]]


def _with_clips(collected: Collected) -> Study:
    """The study with T and frame size in the labels of its rows, where rows differ in them on purpose."""
    clips = {row.name: run.tags.get("clip") for row, _, run in collected.all}
    if "clip" not in collected.study.varies or len(set(clips.values())) < 2:
        return collected.study
    return replace(
        collected.study,
        rows=tuple(
            replace(row, label=f"{row.label} ({clips[row.name]})") if clips.get(row.name) else row
            for row in collected.study.rows
        ),
    )


def _unlike_settings(collected: Collected) -> list[str]:
    """Settings in which rows differ unasked, and those in which the seeds of one row differ."""
    notes = []
    own_recipes = "recipe" in collected.study.varies
    asked = {part.split("=")[0].lstrip("+~") for row in collected.study.rows for part in row.overrides}
    shared = [(run.run_id, run.params) for _, _, run in collected.all]
    for key, values in _differing(shared).items():
        wanted = own_recipes or any(key == a or key.startswith(f"{a}.") for a in asked)
        if key.startswith(SHARED_SETTINGS) and not wanted:
            notes.append(f"the runs differ in {key}: {values}")
    for row in collected.study.rows:
        own = [(run.run_id, run.params) for run in collected.runs[row.name].values()]
        for key, values in _differing(own).items():
            if key != "seed" and (own_recipes or not key.startswith(SHARED_SETTINGS)):
                notes.append(f"the runs of {row.label} differ in {key}: {values}")
    return notes


def _differing(runs: Sequence[tuple[str, dict[str, str]]]) -> dict[str, str]:
    """Params with several values: which run has which. A run with as many as there may be is not asked for more."""
    differing = {}
    for key in sorted({key for _, params in runs for key in params}):
        values: dict[str, list[str]] = {}
        for run_id, params in runs:
            if key in params or len(params) < LARGEST_PARAMS:
                values.setdefault(params.get(key, "absent"), []).append(run_id)
        if len(values) > 1:
            differing[key] = "; ".join(f"{value} in {', '.join(ids)}" for value, ids in values.items())
    return differing

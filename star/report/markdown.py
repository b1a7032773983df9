"""A study, or a list of rows, as Markdown that reads well in a terminal too."""

from __future__ import annotations

from datetime import datetime, timezone

from star.report import captions
from star.report.captions import NOTHING
from star.report.queries import SingleRun
from star.report.statistics import Resample
from star.report.table import Table
from star.study.collect import Collected
from star.study.study import COLUMNS, Study, multirun_command


def study_text(
    collected: Collected, final: Table, best: Table, singles: list[SingleRun], notes: list[str], resample: Resample
) -> str:
    """The report as a person reads it.

    Args:
        collected: the runs.
        final: of the last epoch.
        best: of the best epoch on the test set.
        singles: the runs one by one; empty leaves that part out.
        notes: beside those of the table and of the runs.
        resample: what the bootstrap of `singles` draws.
    """
    study = collected.study
    blocks = [f"# {study.title}"]
    if study.text:
        blocks.append(study.text)
    blocks += [as_table(scores(final)), captions.main_caption(collected)]
    differences = over_seeds(study, final)
    if len(differences) > 1:
        blocks += [f"## {captions.OVER_SEEDS}", as_table(differences), captions.seeds_caption(study, final)]
    if singles:
        lines = over_queries(study, singles)
        blocks += [f"## {captions.OVER_QUERIES}", as_table(lines), captions.queries_caption(study, singles, resample)]
    if collected.missing:
        blocks += ["## Missing", missing(collected), _command(study)]
    if study.published:
        blocks += [f"## {captions.PUBLISHED}", as_table(published(study))]
    if best.columns:
        blocks += [f"## {captions.BEST}", as_table(scores(best)), captions.BEST_CAPTION]
    if collected.all:
        blocks += ["## Runs", as_table(runs(collected))]
    notes = [*final.notes, *collected.notes, *notes]
    if notes:
        blocks += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(blocks) + "\n"


def scores(table: Table) -> list[list[str]]:
    """Head and lines of a table of scores."""
    rows = [["", *_heads(table.columns), "runs"]]
    for line in table.lines:
        cells = [captions.mean_and_deviation(line.cells.get(column)) for column in table.columns]
        rows.append([line.label, *cells, str(len(line.run_ids))])
    return rows


def over_seeds(study: Study, final: Table) -> list[list[str]]:
    """Head and lines of the differences with their intervals over seeds; only the head where there are none."""
    rows = [["", *_heads(final.columns), "seeds"]]
    for line in final.lines:
        pairs = max((cell.pairs for cell in line.cells.values()), default=0)
        if line.name != study.baseline and pairs:
            cells = [captions.difference_over_seeds(line.cells.get(column)) for column in final.columns]
            rows.append([line.label, *cells, str(pairs)])
    return rows


def over_queries(study: Study, singles: list[SingleRun]) -> list[list[str]]:
    """Head and lines of the runs with their bootstrap intervals; the baseline's scores, the others' differences."""
    rows = [["", "seed", *_heads(study.columns), "run"]]
    for run in singles:
        cells = []
        for column in study.columns:
            cell = run.cells.get(column)
            if cell is None:
                cells.append(NOTHING)
            elif run.row.name == study.baseline:
                cells.append(captions.unsigned(cell.score))
            else:
                cells.append(captions.signed(cell.difference))
        rows.append([run.row.label, str(run.seed), *cells, run.run_id[:8]])
    return rows


def published(study: Study) -> list[list[str]]:
    """Head and lines of the cited figures: all columns that are given, how they were measured, and where they stand."""
    given = {column for row in study.published for column in row.values}
    columns = tuple(column for column in COLUMNS if column in given or column in study.columns)
    facts = list(dict.fromkeys(fact for row in study.published for fact in row.about))
    rows = [["", *_heads(columns), *facts, "source"]]
    for row in study.published:
        cells = [f"{row.values[column]:.2f}" if column in row.values else NOTHING for column in columns]
        rows.append([row.label, *cells, *(row.about.get(fact, NOTHING) for fact in facts), row.source])
    return rows


def runs(collected: Collected) -> list[list[str]]:
    """Head and lines of the runs behind the table."""
    rows = [["", "seed", "run", "started (UTC)", "minutes"]]
    for row, seed, run in collected.all:
        started = datetime.fromtimestamp(run.start, timezone.utc).strftime("%Y-%m-%d %H:%M")
        minutes = NOTHING if run.duration is None else f"{run.duration / 60:.1f}"
        rows.append([row.label, str(seed), run.run_id, started, minutes])
    return rows


def missing(collected: Collected) -> str:
    """A list of the seeds each row lacks."""
    seeds: dict[str, list[str]] = {}
    for row, seed in collected.missing:
        seeds.setdefault(row.label, []).append(str(seed))
    return "\n".join(f"- {label}: seed {', '.join(values)}" for label, values in seeds.items())


def as_table(rows: list[list[str]]) -> str:
    """A Markdown table, padded to be read as plain text; columns of numbers are aligned right."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *(len(row[place]) for row in rows)) for place in range(len(rows[0]))]
    numeric = numeric_columns(rows)

    def line(row: list[str]) -> str:
        cells = (c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True))
        return f"| {' | '.join(cells)} |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if n else "-") for w, n in zip(widths, numeric, strict=True)) + "|"
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def numeric_columns(rows: list[list[str]]) -> list[bool]:
    """Which columns, the first excepted, have only numbers below their head."""
    return [all(row[place][:1] in "0123456789+-–" for row in rows[1:]) and place > 0 for place in range(len(rows[0]))]


def _heads(columns: tuple[str, ...]) -> list[str]:
    return [captions.column_head(column) for column in columns]


def _command(study: Study) -> str:
    return f"To train what is missing (finished runs are not repeated):\n\n```bash\n{multirun_command(study)}\n```"

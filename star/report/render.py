"""A study as text: Markdown, CSV (one line a cell), LaTeX (booktabs)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime, timezone

from star.report.collect import Collected, shared_facts
from star.report.study import Study, multirun_command
from star.report.table import Cell, Table

_NOTHING = "–"
_PUBLISHED = "Published by others, not measured here"
_OPTIMISTIC = (
    "The largest value of each score over all rankings of the test set. Choosing on the test set is optimistic; "
    "published figures are often of this kind."
)


def markdown(collected: Collected, final: Table, best: Table) -> str:
    """The report as a person reads it, in the terminal too."""
    study = collected.study
    blocks = [f"# {study.title}"]
    if study.text:
        blocks.append(study.text)
    blocks += [_lines(_ours(final)), _caption(collected, final)]
    if collected.missing:
        blocks += ["## Missing", _missing(collected), _command(study)]
    if study.published:
        blocks += [f"## {_PUBLISHED}", _lines(_published(study))]
    if best.columns:
        blocks += ["## Best epoch on the test set", _lines(_ours(best)), _OPTIMISTIC]
    if collected.all:
        blocks += ["## Runs", _lines(_runs(collected))]
    notes = [*final.notes, *collected.notes]
    if notes:
        blocks += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(blocks) + "\n"


def comma_separated(study: Study, tables: Sequence[Table]) -> str:
    """One line a cell: ours with their runs, then the published figures with their source."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["kind", "row", "label", "column", "mean", "sd", "difference", "runs", "run_ids", "source"])
    for table in tables:
        for line in table.lines:
            for column, cell in line.cells.items():
                numbers = [_plain(value) for value in (cell.mean, cell.deviation, cell.difference)]
                runs = [len(line.run_ids), " ".join(line.run_ids)]
                writer.writerow([table.kind, line.name, line.label, column, *numbers, *runs, ""])
    for row in study.published:
        for column, value in row.values.items():
            writer.writerow(["published", "", row.label, column, _plain(value), "", "", "", "", row.source])
    return buffer.getvalue()


def latex(collected: Collected, final: Table) -> str:
    """A `tabular` for the package booktabs; published figures stand below a rule of their own."""
    study, width = collected.study, len(final.columns)
    heads = [f"{direction} {score}" for direction, score in (column.split("/") for column in final.columns)]
    rows = [
        f"% {study.title}",
        *(f"% {line}" for line in _caption(collected, final).splitlines() if line),
        rf"\begin{{tabular}}{{l{'r' * width}r}}",
        r"\toprule",
        " & ".join(["", *heads, "runs"]) + r" \\",
        r"\midrule",
    ]
    for line in final.lines:
        cells = [_number(line.cells.get(column), r" $\pm$ ", "--") for column in final.columns]
        rows.append(" & ".join([_escaped(line.label), *cells, str(len(line.run_ids))]) + r" \\")
    if study.published:
        rows += [r"\midrule", rf"\multicolumn{{{width + 2}}}{{l}}{{{_escaped(_PUBLISHED)}}} \\"]
    for row in study.published:
        cells = [f"{row.values[column]:.2f}" if column in row.values else "--" for column in final.columns]
        rows.append(" & ".join([f"{_escaped(row.label)} ({_escaped(row.source)})", *cells, ""]) + r" \\")
    return "\n".join([*rows, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _ours(table: Table) -> list[list[str]]:
    rows = [["", *(column.replace("/", " ") for column in table.columns), "runs"]]
    for line in table.lines:
        cells = [_number(line.cells.get(column), " ± ", _NOTHING) for column in table.columns]
        rows.append([line.label, *cells, str(len(line.run_ids))])
    return rows


def _published(study: Study) -> list[list[str]]:
    rows = [["", *(column.replace("/", " ") for column in study.columns), "source"]]
    for row in study.published:
        cells = [f"{row.values[column]:.2f}" if column in row.values else _NOTHING for column in study.columns]
        rows.append([row.label, *cells, row.source])
    return rows


def _runs(collected: Collected) -> list[list[str]]:
    rows = [["", "seed", "run", "started (UTC)", "minutes"]]
    for row, seed, run in collected.all:
        started = datetime.fromtimestamp(run.start, timezone.utc).strftime("%Y-%m-%d %H:%M")
        minutes = _NOTHING if run.duration is None else f"{run.duration / 60:.1f}"
        rows.append([row.label, str(seed), run.run_id, started, minutes])
    return rows


def _caption(collected: Collected, final: Table) -> str:
    study = collected.study
    baseline = next(row.label for row in study.rows if row.name == study.baseline)
    text = (
        "Percent, last epoch; mean ± standard deviation over seeds (n - 1; none for a single seed); in brackets the "
        f"difference to {baseline}."
    )
    if not collected.all:
        return text
    facts = [f"{name}: {value}" for name, value in shared_facts(collected).items()]
    seeds = ", ".join(map(str, sorted({seed for _, seed, _ in collected.all})))
    return f"{text}\n{'; '.join([*facts, f'seeds: {seeds}'])}."


def _missing(collected: Collected) -> str:
    seeds: dict[str, list[str]] = {}
    for row, seed in collected.missing:
        seeds.setdefault(row.label, []).append(str(seed))
    return "\n".join(f"- {label}: seed {', '.join(values)}" for label, values in seeds.items())


def _command(study: Study) -> str:
    return f"To train what is missing (finished runs are not repeated):\n\n```bash\n{multirun_command(study)}\n```"


def _number(cell: Cell | None, plus_minus: str, nothing: str) -> str:
    if cell is None:
        return nothing
    deviation = "" if cell.deviation is None else f"{plus_minus}{cell.deviation:.2f}"
    difference = "" if cell.difference is None else f" ({cell.difference:+.2f})"
    return f"{cell.mean:.2f}{deviation}{difference}"


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _lines(rows: list[list[str]]) -> str:
    """A Markdown table, padded to be read as plain text; columns of numbers are aligned right."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *(len(row[place]) for row in rows)) for place in range(len(rows[0]))]
    numeric = [all(row[place][:1] in "0123456789–" for row in rows[1:]) and place > 0 for place in range(len(widths))]

    def line(row: list[str]) -> str:
        cells = (c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True))
        return f"| {' | '.join(cells)} |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if n else "-") for w, n in zip(widths, numeric, strict=True)) + "|"
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def _escaped(text: str) -> str:
    names = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(names.get(letter, f"\\{letter}" if letter in "&%$#_{}" else letter) for letter in text)

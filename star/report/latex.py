"""A study as LaTeX: three `tabular`s for the package booktabs, each with its caption as a comment."""

from __future__ import annotations

from star.report import captions
from star.report.markdown import over_queries, over_seeds
from star.report.queries import SingleRun
from star.report.statistics import Resample
from star.report.table import Table
from star.study.collect import Collected
from star.study.study import Study


def latex(collected: Collected, final: Table) -> str:
    """The main table; published figures stand below a rule of their own."""
    study, width = collected.study, len(final.columns)
    body = []
    for line in final.lines:
        cells = [
            captions.mean_and_deviation(line.cells.get(column), r" $\pm$ ", "--").replace("(-", "($-$")
            for column in final.columns
        ]
        body.append(_row([_escaped(line.label), *cells, str(len(line.run_ids))]))
    if study.published:
        body += [r"\midrule", rf"\multicolumn{{{width + 2}}}{{l}}{{{_escaped(captions.PUBLISHED)}}} \\"]
    for row in study.published:
        cells = [f"{row.values[column]:.2f}" if column in row.values else "--" for column in final.columns]
        body.append(_row([f"{_escaped(row.label)} ({_escaped(row.source)})", *cells, ""]))
    heads = ["", *map(captions.column_head, final.columns), "runs"]
    return _tabular(study, captions.main_caption(collected), heads, body)


def latex_over_seeds(study: Study, final: Table) -> str:
    """The differences with their intervals over seeds."""
    return _plain(study, captions.seeds_caption(study, final), over_seeds(study, final), 1)


def latex_over_queries(study: Study, singles: list[SingleRun], resample: Resample) -> str:
    """The single runs with their bootstrap intervals over queries."""
    return _plain(study, captions.queries_caption(study, singles, resample), over_queries(study, singles), 2)


def _plain(study: Study, caption: str, rows: list[list[str]], texts: int) -> str:
    """Rows of text; a minus sign of a number becomes one."""
    body = []
    for row in rows[1:]:
        numbers = [cell.replace("-", "$-$").replace(captions.NOTHING, "--") for cell in row[texts:-1]]
        body.append(_row([*map(_escaped, row[:texts]), *numbers, _escaped(row[-1])]))
    heads = [_escaped(head) for head in rows[0]]
    return _tabular(study, caption, heads, body)


def _tabular(study: Study, caption: str, heads: list[str], body: list[str]) -> str:
    comments = [f"% {line}" for line in (study.title, *caption.splitlines()) if line]
    rules = [rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}", r"\toprule", _row(heads), r"\midrule"]
    return "\n".join([*comments, *rules, *body, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _escaped(text: str) -> str:
    names = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    escaped = "".join(names.get(letter, f"\\{letter}" if letter in "&%$#_{}" else letter) for letter in text)
    return f"{{}}{escaped}" if escaped.startswith("[") else escaped  # a bracket after a line's end is its argument

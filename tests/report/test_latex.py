"""The three tables for papers: their lines, and that a compiler takes them."""

import shutil
import subprocess

import pytest
from support.furnished_runs import in_folder

from star.report import latex
from star.report.queries import load_queries, single_runs
from star.report.table import make_table
from star.study.collect import collect

DOCUMENT = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\begin{document}
\input{report}

\input{differences}

\input{single_runs}
\end{document}
"""
COMPILERS = {"tectonic": [], "pdflatex": ["-interaction=nonstopmode", "-halt-on-error"]}


def _body(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("%")]


def test_the_main_table(study, make_run):
    runs = [make_run("b0", "baseline", 0, 10.0, 20.0), make_run("b1", "baseline", 1, 14.0, 20.0)]
    runs += [make_run("s0", "star", 0, 11.0, 26.0), make_run("s1", "star", 1, 16.0, 30.0)]
    runs += [make_run("c0", "star", 0, 9.0, 19.0, overrides="aggregation.power=4.0")]
    collected = collect(study, runs)
    body = _body(latex.latex(collected, make_table(collected)))
    assert body[:2] == [r"\begin{tabular}{lrrr}", r"\toprule"] and body[-1] == r"\end{tabular}"
    assert r"STAR \& co & 13.50 $\pm$ 3.54 (+1.50) & 28.00 $\pm$ 2.83 (+8.00) & 2 \\" in body
    assert r"Cubic & 9.00 ($-$1.00) & 19.00 ($-$1.00) & 1 \\" in body
    assert body.index(r"\multicolumn{4}{l}{Published by others, not measured here} \\") < body.index(
        r"Others (A journal 2023) & 12.50 & -- &  \\"
    )
    assert all(line.count("&") - line.count(r"\&") in (0, 3) for line in body)
    text = latex.latex_over_seeds(study, make_table(collected))
    assert r"STAR \& co & +1.50 [$-$4.85, +7.85] & +8.00 [$-$17.41, +33.41] & 2 \\" in _body(text)
    assert "% Percent: mean of the differences to Baseline of the same seed" in text


def test_letters_with_a_meaning_are_escaped():
    assert latex._escaped(r"50 % of_a {b} \c #1 ~ $x^2") == (
        r"50 \% of\_a \{b\} \textbackslash{}c \#1 \textasciitilde{} \$x\textasciicircum{}2"
    )
    assert latex._escaped("[ours]") == "{}[ours]"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_tables_compile(collected, tmp_path, compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    if compiler == "pdflatex" and subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True).returncode:
        pytest.skip("pdflatex is installed without the package booktabs")
    records, _ = load_queries([run for _, _, run in collected.all], in_folder)
    final = make_table(collected)
    files = {
        "report.tex": latex.latex(collected, final),
        "differences.tex": latex.latex_over_seeds(collected.study, final),
        "single_runs.tex": latex.latex_over_queries(
            collected.study, single_runs(collected, records, "identities"), "identities"
        ),
        "all.tex": DOCUMENT,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    command = [compiler, *COMPILERS[compiler], "all.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 10_000

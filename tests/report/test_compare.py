"""Two runs compared: the numbers, the largest differences, and which pairs are refused."""

import csv
from pathlib import Path

import numpy as np
import pytest

from star.errors import ReportError, TrackingError
from star.evaluation.per_query import read_per_query
from star.report import compare_runs
from star.report.compare import _two


@pytest.fixture
def compare(runs, tmp_path, monkeypatch):
    """`compare("a,b")` gives the text and the folder of the files."""

    def find_run(uri, name):
        if name not in runs:
            raise TrackingError(f"no run {name}")
        return runs[name]

    monkeypatch.setattr("star.tracking.runs.find_run", find_run)

    def run(names, page=False):
        text = compare_runs(names, uri=None, outputs=tmp_path / "outputs", page=page)
        folders = list((tmp_path / "outputs" / "reports").iterdir())
        return text, folders[0]

    return run


def _rows(text, title):
    lines = text.partition(title)[2].split("\n\n")[1].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_scores_and_settings(compare, runs):
    text, _ = compare("base0000, star1111")
    assert text.startswith("# baseline-seed0 (A) and star-seed1 (B)\n")
    settings = _rows(text, "## Settings in which they differ")
    assert settings[2:] == [["graph", "null", "full"], ["seed", "0", "1"]]
    scores = {row[0]: row[1:] for row in _rows(text, "## Scores")[2:]}
    before, after = (runs[run].metrics["final/v2i/mAP"] for run in ("base0000", "star1111"))
    assert scores["v2i mAP"][:3] == [f"{before:.2f}", f"{after:.2f}", f"{after - before:+.2f}"]
    low, high = (float(end) for end in scores["v2i mAP"][3].strip("[]").split(","))
    assert low < after - before < high
    assert "bootstrap over the queries of these two runs" in text and "not how far other seeds may" in text


def test_wins_losses_and_the_largest_differences(compare, runs):
    text, folder = compare("base0000,cube0000")
    before, after = (read_per_query(runs[run].folder / "per_query.csv")["i2v"] for run in ("base0000", "cube0000"))
    difference = after.average_precision - before.average_precision
    wins, losses = int((difference > 1e-9).sum()), int((difference < -1e-9).sum())
    part = text.partition("## Queries, i2v")[2]
    assert (
        f"B has the higher average precision in {wins} queries, A in {losses}; {16 - wins - losses} are equal." in part
    )
    rows = _rows(part, "A better, the largest differences:")[2:]
    worst = int(np.argmin(difference))
    assert rows[0][0] == str(worst) and rows[0][6] == f"{100 * difference[worst]:+.2f}"
    assert rows[0][3] == after.first_frame[worst]
    assert [float(row[6]) for row in rows] == sorted(float(row[6]) for row in rows) and len(rows) == min(10, losses)
    with (folder / "compare.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 32 and float(lines[worst]["difference"]) == pytest.approx(difference[worst], abs=1e-6)


def test_files(compare):
    text, folder = compare("base0000,star0000", page=True)
    assert folder.name == "runs_base0000_star0000"
    assert {path.name for path in folder.iterdir()} == {"compare.md", "compare.csv", "scatter.pdf", "scatter.png"}
    assert text.startswith((folder / "compare.md").read_text())


def test_runs_without_records_are_compared_by_their_scores(compare, runs):
    (runs["star0000"].folder / "per_query.csv").unlink()
    text, folder = compare("base0000,star0000")
    assert "There is no interval over queries: it needs per_query.csv of both runs." in text
    assert "no per_query.csv of star0000" in text and "## Queries" not in text
    assert [path.name for path in folder.iterdir()] == ["compare.md"]
    assert all(row[-1] == "–" for row in _rows(text, "## Scores")[2:])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"clip": "T=12 288x144"}, "clip: T=6 64x32 and T=12 288x144"),
        ({"protocol": "hitsz_vcm"}, "protocol: synthetic: same-camera filter and hitsz_vcm"),
        ({"data_fingerprint": "e"}, " and e"),
    ],
)
def test_runs_measured_otherwise_are_refused(compare, runs, change, named):
    runs["star0000"].tags.update(change)
    with pytest.raises(ReportError, match="were not measured alike") as caught:
        compare("base0000,star0000")
    assert named in str(caught.value) and "base0000 (baseline, seed 0) and star0000 (star, seed 0)" in str(caught.value)


@pytest.mark.parametrize("given", ["base0000", "base0000,", "base0000,star0000,cube0000", ""])
def test_two_runs_are_needed(compare, given):
    with pytest.raises(ReportError, match="expected two runs with a comma between them"):
        compare(given)


def test_folders_with_commas_in_their_names(tmp_path: Path):
    first, second = tmp_path / "lr=0.1,n=2", tmp_path / "b,c"
    for folder in (first, second):
        folder.mkdir()
    assert _two(f"{first}, {second}") == [str(first), str(second)]
    assert _two(f"{first},{first}x") == [*f"{first}".split(","), *f"{first}x".split(",")]
    assert _two(" a , b") == ["a", "b"]


def test_a_run_is_not_compared_with_itself_nor_one_without_scores(compare, runs):
    with pytest.raises(ReportError, match="both are run base0000"):
        compare("base0000,base0000")
    runs["star0000"].metrics.clear()
    with pytest.raises(ReportError, match=r"run star0000 .* has no final scores: it is FINISHED"):
        compare("base0000,star0000")

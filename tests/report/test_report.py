"""The numbers of the table, the files of text, and the whole way from a tracking store."""

import csv
import io
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from support.furnished_runs import in_folder

from star.errors import ReportError, TrackingError
from star.report import report
from star.report.comma_separated import comma_separated
from star.report.markdown import study_text
from star.report.queries import load_queries, single_runs
from star.report.table import make_table
from star.study.collect import collect


def written(collected, singles=()):
    """The Markdown."""
    final, best = make_table(collected), make_table(collected, "best_on_test")
    return study_text(collected, final, best, list(singles), [], "identities")


@pytest.fixture
def scored(study, make_run):
    best = {"best_on_test/i2v/mAP": 50.0, "best_on_test/v2i/mAP": 60.0}
    return collect(
        study,
        [
            make_run("b0", "baseline", 0, 10.0, 20.0, metrics=best),
            make_run("b1", "baseline", 1, 14.0, 20.0, metrics=best),
            make_run("s0", "star", 0, 11.0, 26.0),
            make_run("s1", "star", 1, 16.0, 30.0),
            make_run("c0", "star", 0, 9.0, 19.0, overrides="aggregation.power=4.0"),
        ],
    )


def test_means_deviations_and_differences(scored):
    baseline, star, cubic = make_table(scored).lines
    assert baseline.cells["i2v/mAP"].mean == 12.0
    assert baseline.cells["i2v/mAP"].deviation == pytest.approx(8**0.5)
    assert baseline.cells["i2v/mAP"].difference is None
    assert (star.cells["v2i/mAP"].mean, star.cells["v2i/mAP"].difference) == (28.0, 8.0)
    assert star.run_ids == ("s0", "s1")
    assert cubic.cells["i2v/mAP"].deviation is None


def test_the_difference_is_taken_over_common_seeds(scored):
    table = make_table(scored)
    assert table.lines[2].cells["i2v/mAP"].difference == -1.0
    assert table.notes == ("Cubic: difference to the baseline over the common seeds only (0)",)


def test_the_interval_is_that_of_the_paired_differences(study, make_run):
    """Differences 1 and 3: mean 2, t(0.975, 1) = 12.7062, sd / sqrt(2) = 1."""
    runs = [make_run(f"b{seed}", "baseline", seed, 10.0 + 7 * seed) for seed in (0, 1)]
    runs += [make_run("s0", "star", 0, 11.0), make_run("s1", "star", 1, 20.0)]
    cell = make_table(collect(study, runs)).lines[1].cells["i2v/mAP"]
    assert cell.pairs == 2 and cell.interval == pytest.approx((2.0, 2 - 12.7062047, 2 + 12.7062047, 2), abs=1e-6)
    baseline = make_table(collect(study, runs)).lines[0].cells["i2v/mAP"]
    assert baseline.interval is None and baseline.pairs == 0


def test_no_difference_without_a_common_seed(study, make_run):
    table = make_table(collect(study, [make_run("b0", "baseline", 0), make_run("s1", "star", 1)]))
    assert table.lines[1].cells["i2v/mAP"].difference is None
    assert table.notes == ("STAR & co: difference to the baseline not given, no seed in common",)


def test_markdown(scored):
    text = written(scored)
    lines = text.splitlines()
    assert any(line.startswith("| Baseline ") and "12.00 ± 2.83 |" in line for line in lines)
    assert any("13.50 ± 3.54 (+1.50)" in line and "28.00 ± 2.83 (+8.00)" in line for line in lines)
    assert any(line.startswith("| Cubic ") and "9.00 (-1.00)" in line and line.endswith("|    1 |") for line in lines)
    over_seeds = text.partition("## Difference to the baseline, interval over seeds")[2].partition("##")[0]
    assert "+1.50 [-4.85, +7.85]" in over_seeds and "| Cubic " in over_seeds and "| Baseline" not in over_seeds
    assert "95 % confidence interval over seeds (Student's t with n - 1 degrees of freedom" in over_seeds
    assert "Two seeds leave one degree of freedom" in over_seeds
    assert "bootstrap" not in text
    assert "## Missing\n\n- Cubic: seed 1\n" in text
    assert "star-train -m experiment=baseline,star seed=0,1 study=tiny" in text
    assert "valid queries i2v: 24; valid queries v2i: 24; seeds: 0, 1." in text
    assert "clip: T=6 64x32" in text
    ours, published = text.split("## Published by others, not measured here")
    assert "A journal 2023" in published and "Others" not in ours
    head, _, others = [[cell.strip() for cell in line.split("|")[1:-1]] for line in published.splitlines()[2:5]]
    assert head == ["", "i2v R5", "i2v mAP", "v2i mAP", "T", "backbone", "source"]
    assert others == ["Others", "40.00", "12.50", "–", "6", "ResNet-50", "A journal 2023"]
    assert "## Best epoch on the test set" in published and "50.00" not in ours
    assert all(run in published for run in ("b0", "b1", "s0", "s1", "c0"))
    tables = [line for line in lines if line.startswith("|")]
    assert len({len(line) for line in tables[:5]}) == 1


def test_nothing_is_called_missing_or_best_when_it_is_not(study, make_run):
    runs = [make_run(f"b{seed}", "baseline", seed) for seed in (0, 1)]
    runs += [make_run(f"s{seed}", "star", seed) for seed in (0, 1)]
    runs += [make_run(f"c{seed}", "star", seed, overrides="aggregation.power=4.0") for seed in (0, 1)]
    text = written(collect(study, runs))
    assert "Missing" not in text and "star-train" not in text and "Best epoch" not in text and "Notes" not in text


def test_single_runs_stand_apart_with_their_own_caption(collected):
    records, _ = load_queries([run for _, _, run in collected.all], in_folder)
    singles = single_runs(collected, records, "identities")
    text = written(collected, singles)
    part = text.partition("## Single runs, interval over queries")[2].partition("\n## ")[0]
    lines = [line.split("|") for line in part.splitlines() if line.startswith("| ")]
    assert [line[1].strip() for line in lines[1:]] == ["Baseline", "Baseline", "STAR & co", "STAR & co", "Cubic"]
    assert lines[1][3].strip()[0].isdigit() and lines[3][3].strip()[0] in "+-"
    assert "95 % bootstrap interval" in part and "draws of identities (8), each with all its queries" in part
    assert "does not replace the interval over seeds" in part and "Student" not in part


def test_csv(scored):
    tables = make_table(scored), make_table(scored, "best_on_test")
    rows = list(csv.DictReader(io.StringIO(comma_separated(scored.study, tables, []))))
    star = next(row for row in rows if row["row"] == "star" and row["column"] == "i2v/mAP")
    assert (star["kind"], star["mean"], star["difference"], star["runs"]) == ("final", "13.5000", "1.5000", "2")
    assert star["run_ids"] == "s0 s1"
    assert (star["interval"], star["drawn"], star["difference_low"]) == ("seeds", "2", "-4.8531")
    assert all(not row["interval"] for row in rows if row["row"] == "baseline")
    assert [row["mean"] for row in rows if row["kind"] == "best_on_test"] == ["50.0000", "60.0000"]
    assert [(r["label"], r["mean"], r["source"]) for r in rows if r["kind"] == "published"] == [
        ("Others", "12.5000", "A journal 2023"),
        ("Others", "40.0000", "A journal 2023"),
    ]


def test_csv_of_single_runs(collected):
    records, _ = load_queries([run for _, _, run in collected.all], in_folder)
    text = comma_separated(collected.study, [], single_runs(collected, records, "queries"), "queries")
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["kind"] == "single_run"]
    assert len(rows) == 5 * 2 and {row["interval"] for row in rows} == {"bootstrap queries"}
    star = next(row for row in rows if row["run_ids"] == "star1111" and row["column"] == "v2i/mAP")
    assert (star["seed"], star["drawn"]) == ("1", "16")
    assert float(star["difference_low"]) < float(star["difference"]) < float(star["difference_high"])
    assert float(star["score_low"]) < float(star["mean"]) < float(star["score_high"])


def test_files_and_text_without_any_run(study_folder, tmp_path):
    text = report(study_folder, uri=None, outputs=tmp_path / "outputs", page=False)
    folder = tmp_path / "outputs" / "reports" / "tiny"
    names = ["differences.tex", "report.csv", "report.md", "report.tex", "single_runs.tex"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert text.startswith((folder / "report.md").read_text())
    assert text.endswith(f"written to {folder}: report.md, report.csv, report.tex, differences.tex, single_runs.tex")
    assert "- Baseline: seed 0, 1\n- STAR & co: seed 0, 1\n- Cubic: seed 0, 1" in text
    assert "A journal 2023" in text


def test_runs_come_from_the_store(study_folder, tmp_path, monkeypatch, make_run):
    asked = []

    def study_runs(uri, study):
        asked.append((uri, study))
        return [make_run("b0", "baseline", 0)]

    monkeypatch.setattr("star.tracking.runs.study_runs", study_runs)
    text = report(study_folder, uri=None, outputs=tmp_path, page=False)
    assert asked == [(f"sqlite:///{tmp_path}/mlflow.db", "tiny")]
    assert "| Baseline  |   10.00 |   20.00 |    1 |" in text


def test_a_page_and_figures_of_an_earlier_report_do_not_stay(study_folder, tmp_path):
    folder = tmp_path / "reports" / "tiny"
    (folder / "figures").mkdir(parents=True)
    for name in ("report.html", "figures/cmc.png", "figures/hardest_i2v_1.png", "own.txt", "figures/own.png"):
        (folder / name).write_text("earlier")
    report(study_folder, uri=None, outputs=tmp_path, page=False)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files if path.read_text() == "earlier"} == {"own.txt", "own.png"}


@pytest.mark.parametrize(("exists", "message"), [(False, "there is no tracking store"), (True, "of another program")])
def test_an_address_that_is_no_store_leaves_the_earlier_report(study_folder, tmp_path, exists, message):
    path = tmp_path / "a.db"
    if exists:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE photographs (id INTEGER)")
    earlier = tmp_path / "reports" / "tiny" / "report.md"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("earlier")
    with pytest.raises(TrackingError, match=message):
        report(study_folder, uri=f"sqlite:///{path}", outputs=tmp_path, page=False)
    assert earlier.read_text() == "earlier"


def test_a_folder_that_cannot_be_written(study_folder, tmp_path):
    (tmp_path / "reports").write_text("in the way")
    with pytest.raises(ReportError, match="the report cannot be written to"):
        report(study_folder, uri=None, outputs=tmp_path)


def test_a_report_needs_no_heavy_package(study_folder, tmp_path):
    code = (
        "import sys; from pathlib import Path; from star.report import report\n"
        f"report(Path({str(study_folder)!r}), uri=None, outputs=Path({str(tmp_path)!r}), page=False)\n"
        "print([m for m in ('mindspore', 'mlflow', 'matplotlib', 'cv2') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

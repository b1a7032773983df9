"""The numbers of the table, the three files, and the whole way from a tracking store."""

import csv
import io
import subprocess
import sys

import pytest

from star.errors import ReportError
from star.report import report
from star.report.collect import collect
from star.report.render import comma_separated, latex, markdown
from star.report.table import make_table


@pytest.fixture
def collected(study, make_run):
    best = {"best_on_test/i2v/mAP": 50.0, "best_on_test/v2i/mAP": 60.0}
    return collect(
        study,
        [
            make_run("b0", "baseline", 0, 10.0, 20.0, metrics=best),
            make_run("b1", "baseline", 1, 14.0, 20.0),
            make_run("s0", "star", 0, 11.0, 26.0),
            make_run("s1", "star", 1, 16.0, 30.0),
            make_run("c0", "star", 0, 9.0, 19.0, overrides="pooling.power=4.0"),
        ],
    )


def test_means_deviations_and_differences(collected):
    baseline, star, cubic = make_table(collected).lines
    assert baseline.cells["i2v/mAP"].mean == 12.0
    assert baseline.cells["i2v/mAP"].deviation == pytest.approx(8**0.5)
    assert baseline.cells["i2v/mAP"].difference is None
    assert (star.cells["v2i/mAP"].mean, star.cells["v2i/mAP"].difference) == (28.0, 8.0)
    assert star.run_ids == ("s0", "s1")
    assert cubic.cells["i2v/mAP"].deviation is None


def test_the_difference_is_taken_over_common_seeds(collected):
    table = make_table(collected)
    assert table.lines[2].cells["i2v/mAP"].difference == -1.0
    assert table.notes == ("Cubic: difference to the baseline over the common seeds only (0)",)


def test_no_difference_without_a_common_seed(study, make_run):
    table = make_table(collect(study, [make_run("b0", "baseline", 0), make_run("s1", "star", 1)]))
    assert table.lines[1].cells["i2v/mAP"].difference is None
    assert table.notes == ("STAR & co: difference to the baseline not given, no seed in common",)


def test_markdown(collected):
    text = markdown(collected, make_table(collected), make_table(collected, "best_on_test"))
    lines = text.splitlines()
    assert any(line.startswith("| Baseline ") and "12.00 ± 2.83 |" in line for line in lines)
    assert any("13.50 ± 3.54 (+1.50)" in line and "28.00 ± 2.83 (+8.00)" in line for line in lines)
    assert any(line.startswith("| Cubic ") and "9.00 (-1.00)" in line and line.endswith("|    1 |") for line in lines)
    assert "## Missing\n\n- Cubic: seed 1\n" in text
    assert "star-train -m experiment=baseline,star seed=0,1 study=tiny" in text
    assert "valid queries i2v: 24; valid queries v2i: 24; seeds: 0, 1." in text
    assert "clip: T=6 64x32" in text
    ours, published = text.split("## Published by others, not measured here")
    assert "A journal 2023" in published and "Others" not in ours
    assert "## Best epoch on the test set" in published and "50.00" not in ours
    assert all(run in published for run in ("b0", "b1", "s0", "s1", "c0"))
    tables = [line for line in lines if line.startswith("|")]
    assert len({len(line) for line in tables[:5]}) == 1


def test_nothing_is_called_missing_or_best_when_it_is_not(study, make_run):
    runs = [make_run(f"b{seed}", "baseline", seed) for seed in (0, 1)]
    runs += [make_run(f"s{seed}", "star", seed) for seed in (0, 1)]
    runs += [make_run(f"c{seed}", "star", seed, overrides="pooling.power=4.0") for seed in (0, 1)]
    collected = collect(study, runs)
    text = markdown(collected, make_table(collected), make_table(collected, "best_on_test"))
    assert "Missing" not in text and "star-train" not in text and "Best epoch" not in text and "Notes" not in text


def test_csv(collected):
    tables = make_table(collected), make_table(collected, "best_on_test")
    rows = list(csv.DictReader(io.StringIO(comma_separated(collected.study, tables))))
    star = next(row for row in rows if row["row"] == "star" and row["column"] == "i2v/mAP")
    assert (star["kind"], star["mean"], star["difference"], star["runs"]) == ("final", "13.5000", "1.5000", "2")
    assert star["run_ids"] == "s0 s1"
    assert [row["mean"] for row in rows if row["kind"] == "best_on_test"] == ["50.0000", "60.0000"]
    assert [(r["label"], r["mean"], r["source"]) for r in rows if r["kind"] == "published"] == [
        ("Others", "12.5000", "A journal 2023")
    ]


def test_latex(collected):
    text = latex(collected, make_table(collected))
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert body[:2] == [r"\begin{tabular}{lrrr}", r"\toprule"] and body[-1] == r"\end{tabular}"
    assert r"STAR \& co & 13.50 $\pm$ 3.54 (+1.50) & 28.00 $\pm$ 2.83 (+8.00) & 2 \\" in body
    assert body.index(r"\multicolumn{4}{l}{Published by others, not measured here} \\") < body.index(
        r"Others (A journal 2023) & 12.50 & -- &  \\"
    )
    assert all(line.count("&") - line.count(r"\&") in (0, 3) for line in body)


def test_files_and_text_without_any_run(study_folder, tmp_path):
    text = report(study_folder, uri=None, outputs=tmp_path / "outputs")
    folder = tmp_path / "outputs" / "reports" / "tiny"
    assert sorted(path.name for path in folder.iterdir()) == ["report.csv", "report.md", "report.tex"]
    assert text.startswith((folder / "report.md").read_text())
    assert text.endswith(f"written to {folder}: report.md, report.csv, report.tex")
    assert "- Baseline: seed 0, 1\n- STAR & co: seed 0, 1\n- Cubic: seed 0, 1" in text
    assert "A journal 2023" in text


def test_runs_come_from_the_store(study_folder, tmp_path, monkeypatch, make_run):
    asked = []

    def study_runs(uri, study):
        asked.append((uri, study))
        return [make_run("b0", "baseline", 0)]

    monkeypatch.setattr("star.tracking.runs.study_runs", study_runs)
    text = report(study_folder, uri=f"sqlite:///{tmp_path}/a.db", outputs=tmp_path)
    assert asked == [(f"sqlite:///{tmp_path}/a.db", "tiny")]
    assert "| Baseline  |   10.00 |   20.00 |    1 |" in text


def test_a_folder_that_cannot_be_written(study_folder, tmp_path):
    (tmp_path / "reports").write_text("in the way")
    with pytest.raises(ReportError, match="the report cannot be written to"):
        report(study_folder, uri=None, outputs=tmp_path)


def test_a_report_needs_no_heavy_package(study_folder, tmp_path):
    code = (
        "import sys; from pathlib import Path; from star.report import report\n"
        f"report(Path({str(study_folder)!r}), uri=None, outputs=Path({str(tmp_path)!r}))\n"
        "print([m for m in ('mindspore', 'mlflow', 'pandas', 'matplotlib', 'cv2') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

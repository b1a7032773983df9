"""Runs and their queries as pandas tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import star
from star.errors import ReportError, TrackingError
from star.tracking import runs as tracking


@pytest.fixture
def store(runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder whose store has the runs."""
    (tmp_path / "outputs").mkdir()
    records = list(runs.values())
    monkeypatch.setattr(tracking, "study_runs", lambda uri, study: records)
    monkeypatch.setattr(tracking, "experiment_runs", lambda uri, experiment: records)
    monkeypatch.setattr(tracking, "find_run", lambda uri, run: runs[run])
    return tmp_path / "outputs"


def test_runs_of_a_study(study_folder, store, runs):
    table = star.runs(study_folder, outputs=store)
    assert list(table.index) == ["base0000", "base1111", "star0000", "star1111", "cube0000"]
    assert table.row.tolist() == ["baseline", "baseline", "star", "star", "cubic"]
    assert table.seed.tolist() == [0, 1, 0, 1, 0]
    for run in runs.values():
        for score in ("i2v/mAP", "v2i/R1"):
            assert table.loc[run.run_id, score] == run.metrics[f"final/{score}"]
    assert set(table.status) == {"FINISHED"} and str(table.started.dtype).endswith("UTC]")
    better = table.groupby("row")["i2v/mAP"].mean()
    assert better["star"] > better["baseline"] > better["cubic"]


def test_only_keys_that_differ_are_columns(study_folder, store):
    table = star.runs(study_folder, outputs=store)
    end = list(table.columns).index("minutes") + 1
    settings = [key for key in table.columns[end:] if "/" not in key]
    assert settings and all(table[key].nunique() > 1 for key in settings), settings


def test_runs_of_an_experiment(store):
    table = star.runs("star", outputs=store)
    assert len(table) == 5 and set(table.row) == {"baseline", "star"}


def test_queries_of_a_run(store, runs):
    table = star.per_query("star0000", outputs=store)
    assert table.index.names == ["direction", "query"]
    means = table.groupby("direction").average_precision.mean() * 100
    for direction, value in means.items():
        assert value == pytest.approx(runs["star0000"].metrics[f"final/{direction}/mAP"])
    first = table.iloc[0]
    assert first.right[first.first_hit - 1] and not any(first.right[: first.first_hit - 1])
    assert len(first.answers) == len(first.right)
    missed = table[table.matches == 0]
    assert missed.first_hit.isna().all() and isinstance(table.first_hit.dtype, pd.Int64Dtype)


def test_a_run_without_a_record_of_its_queries(store, runs):
    (runs["star0000"].folder / "per_query.csv").unlink()
    with pytest.raises(ReportError, match=r"star0000 has no per_query.csv: star-evaluate run=star0000 --per-query"):
        star.per_query("star0000", outputs=store)


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9])
def test_a_record_of_queries_that_was_cut(store, runs, kept: float):
    path = runs["star0000"].folder / "per_query.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: int(kept * len(lines))]))
    with pytest.raises(ReportError, match=r"per_query\.csv is not of the run's final scores, it.*--per-query"):
        star.per_query("star0000", outputs=store)


def test_an_experiment_nobody_has(tmp_path: Path):
    with pytest.raises(TrackingError, match="no training run in an experiment 'typo'"):
        star.runs("typo", outputs=tmp_path)


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="no attribute 'run'"):
        star.run  # noqa: B018

"""A miniature of BUPTCampus through the commands: check, train, evaluate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.commands import SMALL, Command
from support.tiny_bupt import TinyBupt, write_tiny_bupt

from star.tracking.runs import RunRecord, study_runs
from star.tracking.store import store_uri


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBupt:
    return write_tiny_bupt(tmp_path_factory.mktemp("bupt"), skeletons=True)


@pytest.fixture(scope="module")
def small(tiny: TinyBupt) -> tuple[str, ...]:
    return (*SMALL, "dataset=bupt_campus", f"dataset.root={tiny.root}", "hardware.mode=pynative", "study=campus")


@pytest.fixture(scope="module")
def run(command: Command, small: tuple[str, ...], outputs: Path) -> RunRecord:
    answer = command("train", "experiment=baseline", "reranking=temporal", *small)
    assert answer.returncode == 0, answer.stdout
    assert "(2 of 3 queries valid, 6 gallery tracklets; chance R1" in answer.stdout
    (record,) = study_runs(store_uri(None, outputs), "campus")
    return record


def test_the_result_says_what_was_ranked(run: RunRecord):
    assert run.tags["protocol"] == "bupt_campus full: 1-frame filter, same-camera filter"
    assert run.metrics["final/i2v/valid_queries"] == run.metrics["final/v2i/valid_queries"] == 2
    scores = json.loads((Path(str(run.folder)) / "scores.json").read_text())
    assert scores["protocol"] == run.tags["protocol"]
    assert scores["ranked"]["i2v"] == {"queries": 3, "valid_queries": 2, "gallery": 6}


def test_star_evaluate_gives_the_run_s_own_scores(command: Command, run: RunRecord):
    answer = command("evaluate", f"run={run.folder}")
    assert answer.returncode == 0, answer.stdout
    assert "identical to the scores of the run" in answer.stdout and run.tags["protocol"] in answer.stdout


def test_re_ranked_scores_stand_beside_the_plain_ones(command: Command, run: RunRecord, outputs: Path):
    """Of a network this small with so few people the neighbourhoods say little; with lambda 1 they say nothing."""
    assert {f"final/{direction}/{score}_temporal" for direction in ("i2v", "v2i") for score in ("R1", "mAP")} <= set(
        run.metrics
    )
    answer = command("evaluate", f"run={run.folder}", "reranking=k_reciprocal", "reranking.weight=1")
    assert answer.returncode == 0, answer.stdout
    assert "i2v, re-ranked (k_reciprocal): R1" in answer.stdout
    (found,) = study_runs(store_uri(None, outputs), "campus")
    for direction in ("i2v", "v2i"):
        for score in ("R1", "R20", "mAP", "mINP"):
            name = f"final/{direction}/{score}"
            assert found.metrics[f"{name}_k_reciprocal"] == pytest.approx(run.metrics[name])
    assert found.tags["reranked.k_reciprocal"] == "k1=20 k2=6 weight=1"


def test_star_evaluate_without_the_filter_ranks_every_query(command: Command, run: RunRecord):
    answer = command("evaluate", f"run={run.folder}", "dataset.same_camera_filter=false")
    assert "3 of 3 queries valid" in answer.stdout and "no same-camera filter" in answer.stdout


def test_the_check_reports_the_set_and_draws_it(command: Command, small: tuple[str, ...], tmp_path: Path):
    answer = command("check", *small[:-1], "--sheet", str(tmp_path / "sheet.png"))
    assert answer.returncode == 0, answer.stdout
    assert "3 visible queries, 2 with a match among 6 infrared gallery tracklets" in answer.stdout
    assert "136 checked, 0 bad" in answer.stdout and (tmp_path / "sheet.png").stat().st_size > 1000

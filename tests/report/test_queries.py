"""Per-query records of a study's runs: what is left out and said, and what is compared."""

import numpy as np
import pytest
from support.furnished_runs import in_folder

from star.report.queries import load_queries, paired_scores, same_queries, single_runs
from star.report.statistics import bootstrap_intervals


@pytest.fixture
def records(runs):
    found, notes = load_queries(runs.values(), in_folder)
    assert not notes and found.keys() == runs.keys()
    return found


def test_runs_without_a_record_are_named_in_one_note(runs):
    for run_id in ("star0000", "cube0000"):
        (runs[run_id].folder / "per_query.csv").unlink()
    found, notes = load_queries(runs.values(), in_folder)
    assert found.keys() == {"base0000", "base1111", "star1111"}
    assert len(notes) == 1 and notes[0].startswith("no per_query.csv of star0000, cube0000: such runs are older")
    assert "star-evaluate run=ID --per-query" in notes[0]


def test_a_record_of_other_scores_and_a_damaged_one_are_left_out(runs):
    runs["star0000"].metrics["final/i2v/mAP"] += 0.01
    (runs["star1111"].folder / "per_query.csv").write_text("nothing")
    found, notes = load_queries(runs.values(), in_folder)
    assert found.keys() == {"base0000", "base1111", "cube0000"}
    assert "record of run star0000 is left out: its i2v mAP is" in notes[0]
    assert "record of run star1111 is left out:" in notes[1] and "expected direction,query" in notes[1]


def test_a_difference_is_that_of_the_two_records(collected, records):
    singles = {run.run_id: run for run in single_runs(collected, records, "identities")}
    cell = singles["star1111"].cells["v2i/mAP"]
    ours, theirs = records["star1111"]["v2i"], records["base1111"]["v2i"]
    difference = 100 * (ours.average_precision - theirs.average_precision)
    assert cell.difference == pytest.approx(bootstrap_intervals(difference[None], ours.identity)[0])
    assert cell.score.mean == pytest.approx(collected.runs["star"][1].metrics["final/v2i/mAP"])
    assert cell.difference is not None and cell.difference.low > 0, "twice the skill is seen by eight people"
    assert all(cell.difference is None for cell in singles["base0000"].cells.values())
    assert singles["cube0000"].cells["i2v/mAP"].difference is not None


def test_queries_and_identities_are_drawn_as_asked(collected, records):
    counts = {}
    for resample in ("identities", "queries"):
        cell = single_runs(collected, records, resample)[0].cells["i2v/mAP"]
        counts[resample] = cell.score.count
    assert counts == {"identities": 8, "queries": 16}


def test_other_queries_are_not_compared(collected, records):
    other = records["star0000"]["i2v"]
    records["star0000"] = {**records["star0000"], "i2v": other._replace(camera=other.camera + 1)}
    assert not same_queries(other, records["star0000"]["i2v"])
    singles = {run.run_id: run for run in single_runs(collected, records, "identities")}
    assert singles["star0000"].cells["i2v/mAP"].difference is None
    assert singles["star0000"].cells["v2i/mAP"].difference is not None
    assert singles["star1111"].cells["i2v/mAP"].difference is not None


def test_queries_without_a_match_do_not_count(records):
    ours, theirs = (
        {d: _without_first(queries) for d, queries in records[run].items()} for run in ("star0000", "base0000")
    )
    scores = paired_scores("i2v", ["i2v/mAP", "i2v/R1"], ours, theirs, "queries")
    assert scores["i2v/R1"].score.count == 15
    expected = 100 * np.mean((ours["i2v"].average_precision - theirs["i2v"].average_precision)[1:])
    assert scores["i2v/mAP"].difference is not None and scores["i2v/mAP"].difference.mean == pytest.approx(expected)


def _without_first(queries):
    first = np.arange(len(queries.matches)) == 0
    return queries._replace(
        matches=np.where(first, 0, queries.matches),
        average_precision=np.where(first, np.nan, queries.average_precision),
        first_hit=np.where(first, 0, queries.first_hit),
    )

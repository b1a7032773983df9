"""Which runs count for which row, and which are refused."""

import re
from dataclasses import replace

import pytest

from star.errors import ReportError
from star.report.table import make_table
from star.study.collect import collect, shared_facts
from star.tracking.names import LARGEST_PARAMS


def _ids(collected):
    return {name: {seed: run.run_id for seed, run in runs.items()} for name, runs in collected.runs.items()}


def test_runs_go_to_their_rows(study, make_run):
    runs = [make_run("b0", "baseline", 0), make_run("s1", "star", 1)]
    runs += [make_run("c0", "star", 0, overrides="aggregation.power=4.0 study=tiny")]
    collected = collect(study, runs)
    assert _ids(collected) == {"baseline": {0: "b0"}, "star": {1: "s1"}, "cubic": {0: "c0"}}
    assert [(row.name, seed) for row, seed in collected.missing] == [("baseline", 1), ("star", 0), ("cubic", 1)]
    assert collected.notes == []


def test_an_override_counts_only_whole(study, make_run):
    collected = collect(study, [make_run("s0", "star", 0, overrides="aggregation.power=4.05")])
    assert _ids(collected)["star"] == {0: "s0"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "FAILED"}, "it is FAILED"),
        ({"status": "RUNNING"}, "it is RUNNING"),
        ({"experiment": "plain"}, "no row of the study has its experiment and overrides"),
        ({"seed": 7}, "the study has no seed 7"),
    ],
)
def test_runs_that_do_not_count_are_named(study, make_run, change, reason):
    collected = collect(study, [make_run(**({"run_id": "odd", "experiment": "star", "seed": 0} | change))])
    assert not collected.all
    assert len(collected.notes) == 1
    assert collected.notes[0].startswith("run odd (") and collected.notes[0].endswith(reason)


def test_a_score_that_a_run_lacks_leaves_the_cell_of_its_row_empty(study, make_run):
    """Also where another seed has it: a mean of other seeds than its neighbours' would not be seen."""
    study = replace(study, columns=("i2v/mAP", "i2v/mAP_temporal"))
    ranked = {"final/i2v/mAP_temporal": 1.0}
    runs = [make_run("s0", "star", 0), *(make_run(f"b{seed}", "baseline", seed, metrics=ranked) for seed in (0, 1))]
    runs.append(make_run("s1", "star", 1, metrics=ranked))
    collected = collect(study, runs)
    (note,) = collected.notes
    assert note.startswith("run s0 (star, seed 0) has no final i2v/mAP_temporal, so its row has none; ")
    assert note.endswith("`star-evaluate run=s0 reranking=temporal` adds them")
    cells = {line.name: line.cells.keys() for line in make_table(collected).lines}
    assert cells["baseline"] == {"i2v/mAP", "i2v/mAP_temporal"} and cells["star"] == {"i2v/mAP"}
    assert collected.runs["star"].keys() == {0, 1} and "star" not in {row.name for row, _ in collected.missing}


def test_the_newest_run_of_a_row_and_seed_counts(study, make_run):
    runs = [
        make_run("newest", "star", 0, start=3.0, fingerprint="f"),
        make_run("repeat", "star", 0, start=2.0, fingerprint="f"),
        make_run("changed", "star", 0, start=1.0, fingerprint="g", clip="T=12 288x144"),
        make_run("failed", "star", 0, start=4.0, status="FAILED"),
    ]
    collected = collect(study, runs)
    assert _ids(collected)["star"] == {0: "newest"}
    notes = "\n".join(collected.notes)
    assert "the newest run counts, not the older repeat with the same fingerprint" in notes
    assert "the newest run counts, not the older changed with another fingerprint" in notes


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"clip": "T=12 288x144"}, "clip: T=12 288x144: odd (star, seed 0)"),
        ({"protocol": "hitsz_vcm"}, "protocol: hitsz_vcm: odd (star, seed 0)"),
        ({"data_fingerprint": "e"}, "data fingerprint: e: odd (star, seed 0)"),
        ({"metrics": {"final/i2v/valid_queries": 23.0}}, "valid queries i2v: 23: odd (star, seed 0)"),
    ],
)
def test_protocols_are_not_mixed(study, make_run, change, named):
    runs = [make_run("b0", "baseline", 0), make_run("b1", "baseline", 1), make_run("odd", "star", 0, **change)]
    with pytest.raises(ReportError, match="were not measured alike") as caught:
        collect(study, runs)
    assert named in str(caught.value)
    assert "b0 (baseline, seed 0), b1 (baseline, seed 1)" in str(caught.value)
    assert re.search(r"allowed by `varies: \[(clip|protocol|data)\]` in ", str(caught.value))


def test_runs_that_were_re_ranked_with_other_options_are_not_mixed(study, make_run):
    options = ("k1=20 k2=6 weight=0.3", "k1=20 k2=6 weight=0.95")
    runs = [
        make_run(f"b{seed}", "baseline", seed, metrics={"final/i2v/mAP_k_reciprocal": 1.0})
        for seed, text in enumerate(options)
    ]
    for run, text in zip(runs, options, strict=True):
        run.tags["reranked.k_reciprocal"] = text
    collect(study, runs)
    with pytest.raises(ReportError, match="re-ranking k_reciprocal: k1=20 k2=6 weight=0.95: b1"):
        collect(replace(study, columns=("i2v/mAP", "i2v/mAP_k_reciprocal")), runs)
    runs[1].tags["reranked.k_reciprocal"] = options[0]
    collect(replace(study, columns=("i2v/mAP", "i2v/mAP_k_reciprocal")), runs)


def test_a_run_that_does_not_say_its_protocol_is_not_mixed_in(study, make_run):
    silent = make_run("s0", "star", 0)
    del silent.tags["protocol"]
    with pytest.raises(ReportError, match=r"protocol: not recorded: s0"):
        collect(study, [make_run("b0", "baseline", 0), silent])


def test_unlike_settings_are_noted(study, make_run):
    runs = [
        make_run("b0", "baseline", 0, params={"schedule.epochs": "2", "skeleton_graph.bones": "False"}),
        make_run("s0", "star", 0, params={"skeleton_graph.bones": "True"}),
        make_run("s1", "star", 1, params={"skeleton_graph.bones": "False"}),
        make_run("c0", "star", 0, overrides="aggregation.power=4.0", params={"skeleton_graph.bones": "True"}),
    ]
    assert collect(study, runs).notes == [
        "the runs differ in schedule.epochs: 2 in b0; 12 in s0, s1, c0",
        "the runs of STAR & co differ in skeleton_graph.bones: True in s0; False in s1",
    ]


def test_rows_with_recipes_of_their_own_are_compared_seed_by_seed(study, make_run):
    runs = [
        make_run("b0", "baseline", 0, params={"schedule.epochs": "2"}),
        make_run("s0", "star", 0, params={"schedule.epochs": "3"}),
        make_run("s1", "star", 1, params={"schedule.epochs": "4"}),
    ]
    noted = ["the runs of STAR & co differ in schedule.epochs: 3 in s0; 4 in s1"]
    assert collect(replace(study, varies=("recipe",)), runs).notes == noted


def test_what_a_run_with_all_the_params_it_may_have_leaves_out_is_no_difference(study, make_run):
    full = {f"branch.b{number}": "1" for number in range(LARGEST_PARAMS)}
    few = {"schedule.gamma": "0.1"}
    runs = [make_run("b0", "baseline", 0, params=few), make_run("s0", "star", 0, params=full)]
    given = [len(run.params) for run in runs]
    assert min(given) < LARGEST_PARAMS <= max(given)
    assert not [note for note in collect(study, runs).notes if "schedule.gamma" in note]


def test_rows_may_differ_where_the_study_says_so(study, make_run):
    runs = [make_run("b0", "baseline", 0), make_run("s0", "star", 0, clip="T=12 64x32")]
    runs += [make_run("s1", "star", 1, clip="T=12 64x32")]
    collected = collect(replace(study, varies=("clip",)), runs)
    assert [row.label for row in collected.study.rows] == ["Baseline (T=6 64x32)", "STAR & co (T=12 64x32)", "Cubic"]
    assert shared_facts(collected)["clip"] == "varies by row"
    assert shared_facts(collected)["protocol"] == "synthetic: same-camera filter"
    with pytest.raises(ReportError, match="data fingerprint"):
        collect(replace(study, varies=("clip",)), [*runs, make_run("b1", "baseline", 1, data_fingerprint="e")])


def test_the_seeds_of_a_row_may_not_differ_even_there(study, make_run):
    runs = [make_run("s0", "star", 0), make_run("s1", "star", 1, clip="T=12 64x32")]
    with pytest.raises(ReportError, match="clip: T=12 64x32: s1"):
        collect(replace(study, varies=("clip",)), runs)

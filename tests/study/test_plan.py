"""What is kept, taken over, continued and trained again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.study_bench import Bench

from star.study import plan as planning
from star.study.checked_study import CheckedStudy
from star.study.plan import Plan, Planner
from star.tracking.fingerprint import Fingerprint, fingerprint
from star.tracking.runs import RunRecord

FOUR = {("own", 0): "train", ("mean", 0): "train", ("own", 1): "train", ("mean", 1): "train"}


@pytest.fixture
def runs() -> list[RunRecord]:
    """The runs of the study, oldest first."""
    return []


@pytest.fixture
def add(checked: CheckedStudy, runs: list[RunRecord], tmp_path: Path) -> Callable[..., RunRecord]:
    """`add(row, seed, status)` adds a run with the fingerprint it would have now, but for the changes."""

    def make(row: str, seed: int, status: str = "FINISHED", epoch: int | None = 3, **changes: object) -> RunRecord:
        number = len(runs)
        folder = tmp_path / "runs" / str(number)
        folder.mkdir(parents=True)
        mark = fingerprint(checked.configs[row, seed], "data")._replace(**changes)  # type: ignore[arg-type]
        mark.save(folder / "fingerprint.json")
        run_id = f"{number}{'0' * 31}"
        (folder / "run.json").write_text(json.dumps({"run_id": run_id}))
        if epoch is not None:
            (folder / "checkpoints").mkdir()
            (folder / "checkpoints" / "last.json").write_text(json.dumps({"epoch": epoch}))
        tags = {
            "seed": str(seed),
            "study": "small",
            "experiment": "baseline",
            "overrides": "",
            "fingerprint": mark.digest,
        }
        metrics = {"final/i2v/mAP": 1.0, "final/v2i/mAP": 1.0} if status == "FINISHED" else {}
        about = (run_id, "baseline", status, tags, {"schedule.epochs": "10"}, metrics)
        runs.append(RunRecord(*about, float(number), None if status == "RUNNING" else 60.0, folder))
        return runs[-1]

    return make


@pytest.fixture
def make_plan(
    bench: Bench, checked: CheckedStudy, runs: list[RunRecord], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Plan]:
    monkeypatch.setattr(planning, "study_runs", lambda uri, study: runs)
    monkeypatch.setattr("star.study.row_state.is_going_on", lambda run: run.tags.get("alive") == "yes")

    def make(**options: bool) -> Plan:
        return Planner(checked, bench.uri, bench.outputs, **options).plan()

    return make


def actions(plan: Plan) -> dict[tuple[str, int], str]:
    return {(task.row.name, task.seed): task.action for task in plan.tasks}


def note(plan: Plan, row: str, seed: int) -> str:
    return next(task.note for task in plan.tasks if (task.row.name, task.seed) == (row, seed))


def test_nothing_is_there(make_plan):
    assert actions(make_plan()) == FOUR
    assert list(actions(make_plan())) == list(FOUR)


def test_finished_runs_are_kept(make_plan, add):
    add("own", 0)
    add("mean", 1)
    plan = make_plan()
    assert actions(plan) == FOUR | {("own", 0): "keep", ("mean", 1): "keep"}
    assert [(task.row.name, task.seed) for task in plan.to_start] == [("mean", 0), ("own", 1)]
    assert plan.notes == []


def test_a_finished_run_with_other_settings_does_not_count(make_plan, add, checked: CheckedStudy):
    config = fingerprint(checked.configs["own", 0], "data").config
    add("own", 0, config=config | {"schedule": config["schedule"] | {"epochs": 11}})
    assert actions(make_plan()) == FOUR


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"data": "other"}, "trained on other data"), ({"weights": "other"}, "began with other weights")],
)
def test_a_finished_run_on_other_data_is_repeated(make_plan, add, changes, why):
    add("own", 0, **changes)
    plan = make_plan()
    assert actions(plan) == FOUR
    assert why in note(plan, "own", 0)


@pytest.mark.parametrize("changes", [{"code": "older"}, {"packages": {"mindspore": "1.0"}}])
def test_a_finished_run_of_other_code_is_kept_and_named(make_plan, add, changes):
    add("own", 0, **changes)
    plan = make_plan()
    assert actions(plan) == FOUR | {("own", 0): "keep"}
    assert plan.notes == ["finished with other code or packages, kept (--repeat-outdated trains again): own seed 0"]
    plan = make_plan(repeat_outdated=True)
    assert actions(plan) == FOUR and "other code or packages" in note(plan, "own", 0)


def test_other_code_is_found_by_the_artifacts_of_a_run_whose_folder_is_gone(make_plan, add, monkeypatch):
    run = add("own", 0, code="older")
    kept = run.folder.rename(run.folder.parent.with_name("artifacts"))
    monkeypatch.setattr("star.tracking.artifacts._artifact_folder", lambda uri, run: kept)
    assert make_plan().notes[0].endswith("own seed 0")


def test_a_finished_run_elsewhere_is_taken_over(make_plan, add, runs, monkeypatch: pytest.MonkeyPatch):
    elsewhere = add("own", 0)
    elsewhere.tags["study"] = "another"
    runs.clear()
    monkeypatch.setattr(
        planning,
        "find_finished",
        lambda uri, experiment, digest: elsewhere if digest == elsewhere.tags["fingerprint"] else None,
    )
    plan = make_plan()
    assert actions(plan) == FOUR | {("own", 0): "take over"}
    assert note(plan, "own", 0) == "finished in study another"
    assert len(plan.to_start) == 3


@pytest.mark.parametrize("status", ["KILLED", "FAILED", "RUNNING"])
def test_what_has_a_checkpoint_is_continued(make_plan, add, status):
    run = add("own", 0, status)
    plan = make_plan()
    assert actions(plan) == FOUR | {("own", 0): "resume"}
    assert note(plan, "own", 0) == "after epoch 3/10"
    assert plan.stale == ([run] if status == "RUNNING" else [])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"epoch": None}, "run 00000000 ended before its first checkpoint"),
        ({"code": "older"}, "with other code or packages; star-train resume=00000000 would continue it"),
        ({"data": "other"}, "but on other data or hardware"),
    ],
)
def test_what_cannot_be_continued_is_begun_again(make_plan, add, options, why):
    add("own", 0, "KILLED", **options)
    plan = make_plan()
    assert actions(plan) == FOUR
    assert why in note(plan, "own", 0)


def test_a_run_that_is_going_on_is_waited_for(make_plan, add):
    add("own", 0, "KILLED")
    add("own", 0, "RUNNING").tags["alive"] = "yes"
    plan = make_plan()
    assert actions(plan) == FOUR | {("own", 0): "wait"}
    assert plan.stale == []


def test_the_last_of_several_runs_is_continued(make_plan, add):
    add("own", 0, "FAILED")
    last = add("own", 0, "KILLED")
    (task,) = [task for task in make_plan().tasks if task.action == "resume"]
    assert task.run == last


def test_without_its_data_nothing_is_generated_to_look(make_plan, add, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    add("own", 0)
    add("mean", 0, "KILLED")
    monkeypatch.undo()
    monkeypatch.setattr(planning, "study_runs", lambda uri, study: [])
    monkeypatch.setenv("STAR_OUTPUTS", str(tmp_path))
    assert actions(make_plan(generate=False)) == FOUR
    assert not (tmp_path / "synthetic").exists()


def test_fingerprints_survive_their_file(checked: CheckedStudy, tmp_path: Path):
    mark = fingerprint(checked.configs["own", 0], "data")
    mark.save(tmp_path / "fingerprint.json")
    assert Fingerprint.load(tmp_path / "fingerprint.json") == mark


def test_a_run_on_other_frames_is_trained_again(make_plan, add, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Planner, "_data_fingerprint", lambda self, config: ("data", "new"))
    add("own", 0, frames="old")
    add("mean", 0)
    found = make_plan()
    assert [actions(found)[row, 0] for row in ("own", "mean")] == ["train", "keep"]
    assert note(found, "own", 0).endswith("was trained on other data")

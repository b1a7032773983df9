import math
import subprocess
import sys
import time
from pathlib import Path

import pytest

from star.errors import TrackingError
from star.tracking import runs
from star.tracking.null_tracker import NullTracker
from star.tracking.store import client


@pytest.fixture
def study(opened) -> list[str]:
    """Ids of a finished, a failed and another finished run of the study `mine`."""
    ids = []
    for seed in range(3):
        tags = {"study": "mine", "seed": seed, "fingerprint": f"f{seed}"}
        with pytest.raises(RuntimeError) if seed == 1 else _nothing(), opened(f"star_seed{seed}", tags=tags) as tracker:
            ids.append(tracker.run_id)
            if seed == 1:
                raise RuntimeError("no memory")
            tracker.log_metrics({"i2v/mAP": 10.0, "odd": math.nan}, 1)
            tracker.log_metrics({"i2v/mAP": 20.0 + seed}, 2)
            tracker.log_metrics({"final/i2v/mAP": 20.0 + seed}, 2)
        time.sleep(0.002)
    return ids


def _nothing():
    import contextlib

    return contextlib.nullcontext()


def test_a_study_has_all_its_runs_in_order(study, uri: str, outputs: Path, opened):
    with opened("other", tags={"study": "other"}):
        pass
    found = runs.study_runs(uri, "mine")
    assert [run.run_id for run in found] == study
    assert [run.status for run in found] == ["FINISHED", "FAILED", "FINISHED"]
    last = found[2]
    assert last.name == "star_seed2" and last.tags["seed"] == "2" and last.params == {"seed": "0"}
    assert last.metrics["final/i2v/mAP"] == last.metrics["i2v/mAP"] == 22.0 and math.isnan(last.metrics["odd"])
    assert last.folder == outputs / "runs" / "star_seed2"
    assert last.duration is not None and 0 <= last.duration < 60 and abs(last.start - time.time()) < 120


def test_reading_by_sql_and_by_mlflow_agree(study, uri: str, monkeypatch):
    fast = [runs.study_runs(uri, "mine"), runs.find_finished(uri, "star", "f2"), runs.find_run(uri, study[1][:10])]
    monkeypatch.setattr(runs, "sqlite_file", lambda uri: None)
    slow = [runs.study_runs(uri, "mine"), runs.find_finished(uri, "star", "f2"), runs.find_run(uri, study[1][:10])]
    assert repr(fast) == repr(slow)
    assert runs.find_finished(uri, "star", "f1") is None
    assert runs.find_finished(uri, "elsewhere", "f2") is None


def test_finished_runs_only(study, uri: str):
    found = runs.find_finished(uri, "star", "f0")
    assert found is not None and found.run_id == study[0]
    assert runs.find_finished(uri, "star", "f1") is None
    assert runs.find_finished(uri, "elsewhere", "f0") is None
    client(uri).delete_run(study[0])
    assert runs.find_finished(uri, "star", "f0") is None


def test_a_running_run_has_no_duration(opened, uri: str):
    with opened() as tracker:
        run = runs.find_run(uri, tracker.run_id)
        assert run.status == "RUNNING" and run.duration is None


def test_a_run_by_id_and_by_folder(study, uri: str, outputs: Path):
    by_id = runs.find_run(uri, study[2])
    by_folder = runs.find_run(uri, str(outputs / "runs" / "star_seed2"))
    assert by_folder.run_id == study[2]
    assert by_folder.metrics["final/i2v/mAP"] == by_id.metrics["final/i2v/mAP"]
    assert (by_folder.name, by_folder.status, by_folder.params, by_folder.folder) == (
        by_id.name,
        by_id.status,
        by_id.params,
        by_id.folder,
    )
    assert by_folder.tags.items() <= by_id.tags.items()


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("abc", "has no run 'abc': expected the id of a run"),
        ("0" * 32, "has no run '0000"),
        ('it\'s "it"', "has no run"),
        ("outputs/runs/nothing", "there is no run folder outputs/runs/nothing"),
    ],
)
def test_runs_that_do_not_exist(study, uri: str, run: str, message: str):
    with pytest.raises(TrackingError, match=message):
        runs.find_run(uri, run)


def test_a_folder_that_is_no_run(uri: str, tmp_path: Path):
    with pytest.raises(TrackingError, match="is not a run folder"):
        runs.find_run(uri, str(tmp_path))


def test_no_store_yet_is_no_run(tmp_path: Path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert runs.study_runs(uri, "mine") == []
    assert runs.find_finished(uri, "star", "f") is None
    assert not (tmp_path / "mlflow.db").exists()


def test_a_file_that_is_no_store(tmp_path: Path):
    (tmp_path / "mlflow.db").write_text("not a database" * 100)
    with pytest.raises(TrackingError, match="mlflow.db cannot be read"):
        runs.study_runs(f"sqlite:///{tmp_path}/mlflow.db", "mine")


def test_a_finished_run_joins_another_study(study, uri: str):
    run = runs.find_run(uri, study[0])
    runs.join_study(uri, run, "mine")
    runs.join_study(uri, run, "paper's table")
    assert [joined.run_id for joined in runs.study_runs(uri, "paper's table")] == [study[0]]
    assert len(runs.study_runs(uri, "mine")) == 3


def test_a_run_without_a_store_is_read_from_its_folder(tmp_path: Path, uri: str):
    spool = tmp_path / "run" / "events.jsonl"
    about = {"experiment": "star", "run_name": "plain", "params": {"seed": 3}, "tags": {"study": "mine"}}
    with NullTracker(**about, spool=spool) as tracker:
        tracker.log_metrics({"i2v/mAP": 1.0}, 1)
        assert runs.find_run(uri, str(spool.parent)).status == "RUNNING"
    with NullTracker(**about, spool=spool, run_id=tracker.run_id) as again:
        again.log_metrics({"i2v/mAP": 1.0}, 1)
        again.log_metrics({"i2v/mAP": 2.0}, 2)
        again.log_tags({"checkpoint": "last"})
    run = runs.find_run(uri, str(spool.parent))
    assert (run.run_id, run.name, run.status, run.params) == (tracker.run_id, "plain", "FINISHED", {"seed": "3"})
    assert run.metrics == {"i2v/mAP": 2.0}
    assert run.tags["study"] == "mine" and run.tags["checkpoint"] == "last"
    assert spool.read_text().count('"i2v/mAP"') == 2


def test_reading_an_sqlite_store_imports_neither_mlflow_nor_mindspore(study, uri: str):
    code = (
        "import sys; from star.tracking import runs; "
        f"runs.study_runs({uri!r}, 'mine'); runs.find_finished({uri!r}, 'star', 'f0'); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    modules = set(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    )
    assert not modules & {"mlflow", "mindspore", "sqlalchemy", "pandas"}

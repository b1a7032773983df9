"""Files of a run: its folder first, then its artifacts, and never those of another run."""

import json

import pytest

from star.errors import TrackingError
from star.tracking import artifacts
from star.tracking.runs import find_run


@pytest.fixture
def run(opened, uri, outputs):
    """A run with `a.txt` in its folder and among its artifacts."""
    with opened() as tracker:
        folder = outputs / "runs" / "star_seed0"
        (folder / "run.json").write_text(json.dumps({"run_id": tracker.run_id}))
        (folder / "a.txt").write_text("from the run")
        tracker.log_artifact(folder / "a.txt")
    return find_run(uri, tracker.run_id)


def test_the_folder_comes_first(run, uri, tmp_path):
    assert artifacts.own_folder(run) == run.folder
    assert artifacts.run_file(uri, run, "a.txt", downloads=tmp_path) == run.folder / "a.txt"
    assert artifacts.run_file(uri, run, "b.txt", downloads=tmp_path) is None


def test_a_folder_that_was_renamed_is_found(run, uri, tmp_path):
    renamed = run.folder.rename(run.folder.with_name("best_so_far"))
    assert artifacts.own_folder(run) == renamed
    back = renamed.rename(run.folder)
    assert artifacts.own_folder(run._replace(folder=renamed)) == back


@pytest.mark.parametrize("owner", [None, "{}", '{"run_id": "another"}'])
def test_a_folder_of_another_run_is_not_read(run, uri, tmp_path, owner):
    if owner is None:
        (run.folder / "run.json").unlink()
    else:
        (run.folder / "run.json").write_text(owner)
    (run.folder / "a.txt").write_text("from another run")
    found = artifacts.run_file(uri, run, "a.txt", downloads=tmp_path)
    assert found is not None and found.read_text() == "from the run" and run.run_id in found.parts
    assert artifacts.own_folder(run._replace(folder=None)) is None


def test_a_server_s_artifact_is_fetched_once(run, uri, tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "sqlite_file", lambda uri: None)
    away = run._replace(folder=None)
    found = artifacts.run_file(uri, away, "a.txt", downloads=tmp_path)
    assert found is not None and found == tmp_path / run.run_id / "a.txt" and found.read_text() == "from the run"
    assert artifacts.run_file(uri, away, "b.txt", downloads=tmp_path) is None
    monkeypatch.setattr(artifacts, "client", lambda uri: pytest.fail("fetched again"))
    assert artifacts.run_file(uri, away, "a.txt", downloads=tmp_path) == found


def test_an_artifact_is_added_to_a_finished_run(run, uri, outputs, tmp_path):
    (tmp_path / "late.csv").write_text("x")
    artifacts.add_artifact(uri, run.run_id, tmp_path / "late.csv")
    found = artifacts.run_file(uri, run._replace(folder=None), "late.csv", downloads=tmp_path)
    assert found is not None and found.is_relative_to(outputs / "artifacts")
    with pytest.raises(TrackingError, match="cannot be used"):
        artifacts.add_artifact(uri, "0" * 32, tmp_path / "late.csv")

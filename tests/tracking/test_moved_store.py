"""Stores that were moved with the artifacts beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from star.tracking import artifacts
from star.tracking.moved_store import artifact_folder
from star.tracking.runs import find_run
from star.tracking.store import client, store_uri


@pytest.fixture
def moved(opened, outputs: Path, tmp_path: Path) -> tuple[str, Path]:
    """The id of a run with the artifact `a.txt`, and the folder that the outputs were moved to."""
    with opened() as tracker:
        (outputs / "a.txt").write_text("from the run")
        tracker.log_artifact(outputs / "a.txt")
    return tracker.run_id, Path(shutil.move(outputs, tmp_path / "elsewhere" / "neue Ausgabe"))


def test_artifacts_of_a_moved_store_are_read(moved: tuple[str, Path], tmp_path: Path):
    run_id, folder = moved
    uri = store_uri(None, folder)
    found = artifacts.run_file(uri, find_run(uri, run_id), "a.txt", downloads=tmp_path)
    assert found is not None and found.is_relative_to(folder) and found.read_text() == "from the run"


def test_a_moved_store_gets_its_new_artifacts_where_it_is(moved: tuple[str, Path], opened, outputs: Path):
    run_id, folder = moved
    with opened("next", outputs=folder, spool=folder / "events.jsonl") as tracker:
        tracker.log_artifact(folder / "a.txt")
    assert not outputs.exists()
    for run in (run_id, tracker.run_id):
        place = folder / "artifacts" / run / "artifacts"
        assert client(store_uri(None, folder)).get_run(run).info.artifact_uri == place.as_uri()
        assert (place / "a.txt").is_file()


@pytest.mark.parametrize("place", ["runs/one", "multirun/2026/0_star"])
def test_the_folder_of_a_run_is_found_in_the_new_place(opened, outputs: Path, tmp_path: Path, place: str):
    """Or a study would train a killed run again, in the old folder made anew."""
    with opened("one", spool=outputs / place / "events.jsonl") as tracker:
        pass
    folder = Path(shutil.move(outputs, tmp_path / "elsewhere"))
    assert find_run(store_uri(None, folder), tracker.run_id).folder == folder / place
    shutil.rmtree(folder / place)
    assert find_run(store_uri(None, folder), tracker.run_id).folder == outputs / place, "what the store has"


def test_the_artifacts_of_another_store_that_is_still_there_are_left(outputs: Path, tmp_path: Path):
    copy, root = tmp_path / "copy" / "mlflow.db", (outputs / "artifacts").as_uri()
    assert artifact_folder(copy, f"{root}/x/artifacts", root) == outputs / "artifacts" / "x" / "artifacts"
    assert artifact_folder(copy, "s3://bucket/artifacts/x", "s3://bucket/artifacts") is None
    gone = (tmp_path / "gone" / "artifacts").as_uri()
    assert artifact_folder(copy, f"{gone}/x/artifacts", gone) == tmp_path / "copy" / "artifacts" / "x" / "artifacts"

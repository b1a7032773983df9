"""A study of two rows and two seeds whose runs are those of a stand-in for star-train."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.study_bench import STUDY, Bench
from support.written_runs import make_run, study, study_folder

from star.study import plan
from star.study.checked_study import CheckedStudy, check_study
from star.study.study import load_study
from star.tracking.store import client

__all__ = ["make_run", "study", "study_folder"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """MLflow 3.17 uses a loader option that SQLAlchemy 2.1 announces to remove."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh SQLite store costs seconds of migrations: it is made once and copied."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    client(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> CheckedStudy:
    """The study, composed and checked once."""
    folder = tmp_path_factory.mktemp("studies") / "small"
    folder.mkdir()
    (folder / "study.yaml").write_text(STUDY)
    return check_study(load_study(folder), [])


@pytest.fixture
def bench(checked: CheckedStudy, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench(checked, tmp_path)
    bench.outputs.mkdir()
    shutil.copy(empty_store, bench.outputs / "mlflow.db")
    monkeypatch.setenv("STUB", str(bench.stub))
    monkeypatch.setattr("star.study.runner.check_study", lambda study, given, **options: checked)
    monkeypatch.setattr(plan.Planner, "_data_fingerprint", lambda self, config: ("data", None))
    return bench

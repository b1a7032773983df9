"""A fresh SQLite store costs seconds of migrations: it is made once and copied."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from star.tracking.mlflow_tracker import MLflowTracker, open_run
from star.tracking.store import client, store_uri


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """MLflow 3.17 uses a loader option that SQLAlchemy 2.1 announces to remove."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    client(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def outputs(tmp_path: Path, empty_store: Path) -> Path:
    folder = tmp_path / "outputs"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder


@pytest.fixture
def uri(outputs: Path) -> str:
    return store_uri(None, outputs)


@pytest.fixture
def opened(outputs: Path) -> Callable[..., MLflowTracker]:
    """`opened(name, **changes)` opens a run in the folder `outputs/runs/<name>`."""

    def make(name: str = "star_seed0", **changes) -> MLflowTracker:
        given = {
            "uri": None,
            "outputs": outputs,
            "experiment": "star",
            "run_name": name,
            "params": {"seed": 0},
            "tags": {"study": "default"},
            "spool": outputs / "runs" / name / "events.jsonl",
            "flush_every": 100,
        }
        return open_run(**{**given, **changes})

    return make

import multiprocessing
import re
import shlex
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from star.errors import TrackingError
from star.tracking.mlflow_tracker import open_run
from star.tracking.runs import find_run
from star.tracking.store import check_store, client, prepare_store, shown, store_uri


def test_default_address_is_absolute(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert store_uri(None, Path("outputs")) == f"sqlite:///{tmp_path}/outputs/mlflow.db"
    assert store_uri("sqlite:///mine.db", Path("outputs")) == f"sqlite:///{tmp_path}/mine.db"


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "sqlite://", "ftp://host"])
def test_addresses_no_store_can_have_are_refused(uri: str):
    with pytest.raises(TrackingError, match="tracker.uri: given"):
        store_uri(uri, Path("outputs"))


def test_passwords_are_not_shown():
    assert shown("postgresql+psycopg://me:secret@db:5432/runs") == "postgresql+psycopg://me:***@db:5432/runs"
    assert shown("sqlite:////a/b.db") == "sqlite:////a/b.db"


def _open(uri: str | None, tmp_path: Path) -> None:
    open_run(
        uri=uri,
        outputs=tmp_path / "outputs",
        experiment="star",
        run_name="never",
        params={},
        tags={},
        spool=tmp_path / "run" / "events.jsonl",
    )


def _refused(uri: str | None, tmp_path: Path) -> str:
    start = time.perf_counter()
    with pytest.raises(TrackingError) as caught:
        _open(uri, tmp_path)
    assert time.perf_counter() - start < 8
    assert not (tmp_path / "run").exists()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_read_only_database(outputs: Path, uri: str, tmp_path: Path):
    (outputs / "mlflow.db").chmod(0o444)
    message = _refused(None, tmp_path)
    assert uri in message and "read-only" in message


def test_read_only_folder(outputs: Path, uri: str, tmp_path: Path):
    outputs.chmod(0o555)
    message = _refused(None, tmp_path)
    outputs.chmod(0o755)
    assert uri in message and "read-only" in message


def test_a_file_that_is_no_database(tmp_path: Path):
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "mlflow.db").write_text("not a database" * 100)
    assert "not a database" in _refused(None, tmp_path)


def test_a_database_of_another_program(tmp_path: Path):
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE photographs (id INTEGER)")
    connection.close()
    assert "of another program" in _refused(f"sqlite:///{tmp_path}/other.db", tmp_path)


def test_a_folder_below_a_file(tmp_path: Path):
    (tmp_path / "outputs").write_text("")
    assert "cannot be made" in _refused(None, tmp_path)


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_dead_server_is_refused_within_seconds(scheme: str, tmp_path: Path, closed_port: int):
    start = time.perf_counter()
    message = _refused(f"{scheme}://user:secret@127.0.0.1:{closed_port}/runs", tmp_path)
    assert time.perf_counter() - start < 2
    assert str(closed_port) in message and "secret" not in message


@pytest.fixture
def closed_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_server_that_dies_before_the_run_is_made(closed_port: int, tmp_path: Path, monkeypatch):
    """The connection check passes, the first request fails."""
    monkeypatch.setattr("star.tracking.store._check_server", lambda uri: None)
    message = _refused(f"http://127.0.0.1:{closed_port}", tmp_path)
    assert f"http://127.0.0.1:{closed_port} cannot be used" in message


def test_the_environment_says_where_the_store_is(tmp_path: Path, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/lab.db")
    assert store_uri(None, tmp_path) == f"sqlite:///{tmp_path}/lab.db"
    assert f"sqlite:///{tmp_path}/lab.db, from MLFLOW_TRACKING_URI in the environment" in caplog.text
    assert store_uri("sqlite:///mine.db", tmp_path).endswith("/mine.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "runs")
    with pytest.raises(TrackingError, match="MLFLOW_TRACKING_URI: given 'runs', expected"):
        store_uri(None, tmp_path)


def test_a_proxy_that_catches_a_server_is_named(closed_port: int, tmp_path: Path, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{closed_port}")
    message = _refused("http://localhost:5000", tmp_path)
    assert (
        f"proxy http://me:***@127.0.0.1:{closed_port}: if it does not reach the server, set no_proxy=localhost"
        in message
    )
    monkeypatch.setenv("no_proxy", "localhost")
    assert "proxy" not in _refused(f"http://localhost:{closed_port}", tmp_path)


def test_a_deleted_experiment(outputs: Path, uri: str):
    experiment = prepare_store(uri, "star")
    client(uri).delete_experiment(experiment)
    with pytest.raises(TrackingError, match=f"mlflow experiments restore -x {experiment}"):
        prepare_store(uri, "star")


def test_the_experiment_is_found_again_with_artifacts_beside_the_store(outputs: Path, uri: str):
    experiment = prepare_store(uri, "star")
    assert prepare_store(uri, "star") == experiment
    assert client(uri).get_experiment(experiment).artifact_location == (outputs / "artifacts").as_uri()


def test_checking_a_store_does_not_make_it(tmp_path: Path):
    check_store(f"sqlite:///{tmp_path}/new/mlflow.db")
    assert not (tmp_path / "new" / "mlflow.db").exists()


def test_two_processes_open_a_fresh_store_at_once(tmp_path: Path):
    spawned = multiprocessing.get_context("spawn")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with spawned.Pool(2) as pool:
        first, second = pool.starmap(prepare_store, [(uri, "star"), (uri, "star")], chunksize=1)
    assert first == second
    assert [e.name for e in client(uri).search_experiments()].count("star") == 1


ODD = ["数据 (1)", "a%41b", "what?x=1", "h#h", "a=b,[c]", "it's", "100%", "~a"]
"""Names of folders that addresses could take for something else."""


@pytest.mark.parametrize("name", ODD)
def test_a_store_in_any_folder(outputs: Path, tmp_path: Path, name: str, opened):
    """Also where MLflow would read the name otherwise, and make a database beside the folder."""
    folder = outputs.rename(tmp_path / name)
    (tmp_path / "a.txt").write_text("from the run")
    with opened(outputs=folder, spool=folder / "runs" / "one" / "events.jsonl") as tracker:
        tracker.log_artifact(tmp_path / "a.txt")
    uri = store_uri(None, folder)
    assert uri == f"sqlite:///{folder}/mlflow.db" == store_uri(uri, tmp_path)
    assert find_run(uri, tracker.run_id).status == "FINISHED"
    assert (folder / "artifacts" / tracker.run_id / "artifacts" / "a.txt").read_text() == "from the run"
    assert {path.name for path in tmp_path.iterdir()} == {name, "a.txt"}


def test_options_behind_the_file_are_refused(tmp_path: Path):
    with pytest.raises(TrackingError, match=r"without options after it"):
        store_uri(f"sqlite:///{tmp_path}/mlflow.db?timeout=10", tmp_path)


OLDER = "4465047574b1"
"""A revision of MLflow 2's schema."""


@pytest.fixture(scope="module")
def older_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As an MLflow of that revision has left it, with a run's experiment."""
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase
    from sqlalchemy import create_engine

    path = tmp_path_factory.mktemp("older") / "mlflow.db"
    engine = create_engine(f"sqlite:///{path}")
    InitialBase.metadata.create_all(engine)
    with engine.begin() as connection:
        config = _get_alembic_config(str(engine.url))
        config.attributes["connection"] = connection
        command.upgrade(config, OLDER)
    engine.dispose()
    return path


def test_the_store_of_an_older_mlflow_is_left_as_it_is(older_store: Path, tmp_path: Path):
    """MLflow itself would migrate it here and lock out whoever shares it."""
    place = tmp_path / "it's 50%" / "mlflow.db"
    place.parent.mkdir()
    shutil.copy(older_store, place)
    before = place.read_bytes()
    message = _refused(f"sqlite:///{place}", tmp_path)
    assert f"made by an older MLflow (its schema is {OLDER}" in message and "nothing was changed" in message
    assert place.read_bytes() == before
    commands = re.search(r"cannot open it: (.*)\. Or choose", message)
    assert commands is not None
    copy, migrate = commands[1].split(" && ")
    assert shlex.split(copy) == ["cp", str(place), f"{place}.before"]
    assert shlex.split(migrate)[:3] == ["mlflow", "db", "upgrade"]
    assert make_url(shlex.split(migrate)[3]).database == str(place)


def test_the_store_of_a_newer_mlflow_is_refused(uri: str, outputs: Path, tmp_path: Path):
    with closing(sqlite3.connect(outputs / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    assert "made by a newer MLflow than MLflow 3" in _refused(uri, tmp_path)

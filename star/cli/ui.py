"""The command `star-ui`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from star.cli.command import exit_with
from star.errors import TrackingError


def ui() -> None:
    """`star-ui`: MLflow's interface on the runs, and the addresses that show their scores."""
    exit_with(_ui)


def _ui(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-ui", description=ui.__doc__)
    parser.add_argument("--uri", help="MLflow tracking store (default: sqlite in the outputs folder)")
    parser.add_argument("--experiment", default="star", help="experiment of MLflow (default: star)")
    parser.add_argument("--host", default="127.0.0.1", help="address that is listened on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=5000, help="its port (default: 5000)")
    options = parser.parse_args(arguments)
    from star.config.paths import outputs_folder
    from star.tracking.interface import addresses
    from star.tracking.store import shown, sqlite_file, store_uri

    uri = store_uri(options.uri, outputs_folder())
    is_server = urlsplit(uri).scheme in ("http", "https")
    server = uri.rstrip("/") if is_server else f"http://{options.host}:{options.port}"
    identifier = _experiment(uri, options.experiment)
    lines = [f"the interface of {shown(uri)}"]
    lines += [f"  {what + ':':<15}{shown(address)}" for what, address in addresses(server, identifier).items()]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    if is_server:
        return
    path = sqlite_file(uri)
    if path is not None:
        os.chdir(path.parent)  # MLflow takes `%41` and `?` in an absolute path for something else
        uri = f"sqlite:///{path.name}"
    quiet = {"PYTHONWARNINGS": "ignore", **os.environ}  # of what MLflow's packages say to their developers
    server = ("-m", "mlflow", "server", "--backend-store-uri", uri, "--workers", "1")  # who looks at runs is one person
    listen = ("--host", options.host, "--port", str(options.port))
    os.execve(sys.executable, [sys.executable, *server, *listen], quiet)


def _experiment(uri: str, name: str) -> str:
    """Id of the experiment, which gets what the interface needs."""
    from star.tracking.interface import prepare_interface
    from star.tracking.store import check_store, client, shown, sqlite_file, translated

    path = sqlite_file(uri)
    if path is not None and not path.exists():
        raise TrackingError(f"there is no tracking store {shown(uri)} yet: train first, e.g. with make demo")
    check_store(uri)
    with translated(uri):
        mlflow_client = client(uri)
        found = mlflow_client.get_experiment_by_name(name)
        if found is None:
            names = ", ".join(experiment.name for experiment in mlflow_client.search_experiments())
            raise TrackingError(f"{shown(uri)} has no experiment {name!r}, expected one of {names}")
        prepare_interface(mlflow_client, found)
    return found.experiment_id

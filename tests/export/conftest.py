"""One export of a stored run, with all that the command can write."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.stored_runs import copy_run, import_run, write_data

from star.config.check import check_command
from star.config.export_command import RULES, ExportConfig
from star.tracking.store import store_uri

OLDER = "infrared.mindir"
"""A file that stands in the folder before the export."""


class Exported(NamedTuple):
    """Folders of run and export, what the command said, root of the data, address of the store, run id, older file."""

    run: Path
    folder: Path
    said: str
    root: Path
    uri: str
    run_id: str
    older: str


def options(**given: Any) -> ExportConfig:
    """The checked configuration of `star-export`."""
    return check_command([f"{key}={value}" for key, value in given.items()], "export", ExportConfig, RULES)


@pytest.fixture(scope="package")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The baseline, which MindSpore compiles sooner than STAR."""
    from star.export.export_run import export_run

    root = write_data(tmp_path_factory.mktemp("data"))
    outputs = tmp_path_factory.mktemp("outputs")
    run = copy_run("baseline", outputs, root)
    uri = store_uri(None, outputs)
    (run / "export").mkdir()
    (run / "export" / OLDER).touch()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow and SQLAlchemy, about each other
        patch.setenv("STAR_OUTPUTS", str(outputs))
        run_id = import_run(run, uri)
        said = export_run(options(run=run, mindir=False, int8=True, calibration_clips=4, mlflow=True))
    return Exported(run, run / "export", said, root, uri, run_id, OLDER)


@pytest.fixture(scope="package")
def check() -> Callable[..., ExportConfig]:
    """See `options`."""
    return options

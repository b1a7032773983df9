"""An exported model stored in MLflow, as a model of its run."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

import star
from star.inference.description import Description
from star.tracking.moved_store import adopt_artifacts
from star.tracking.store import check_store, client, sqlite_file, translated
from star.types import NUMBER_OF_JOINTS

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

NAME = "model"
_CODE = "served_model.py"
_PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless", "pandas", "pillow")
"""All that a stored model needs beside MLflow; what it needs of this package is stored with it."""
_EXAMPLE_FRAMES = 2


def log_model(model: Path, description: Description, uri: str, run_id: str) -> str:
    """Store a model with its code, signature and an example of its input.

    Args:
        model: the ONNX file.
        description: of it.
        uri: absolute address of the store.
        run_id: the run it becomes a model of.

    Returns:
        Its address, `models:/ID`.

    Raises:
        TrackingError: the store cannot be written, or has no such run.
    """
    import mlflow
    from mlflow.models import Model

    about = {"fingerprint": description.fingerprint, "run": description.run, "variant": description.variant or "float"}
    check_store(uri)
    if store := sqlite_file(uri):
        adopt_artifacts(store)
    with translated(uri), _tracking(uri), tempfile.TemporaryDirectory() as folder:
        code = Path(shutil.copytree(Path(star.__file__).parent, Path(folder) / "star", ignore=_no_caches))
        experiment = client(uri).get_run(run_id).info.experiment_id
        entry = client(uri).create_logged_model(experiment, NAME, source_run_id=run_id, tags=about)
        logged = Model.log(
            artifact_path=None,
            name=NAME,
            flavor=mlflow.pyfunc,
            run_id=run_id,
            model_id=entry.model_id,
            python_model=str(Path(__file__).with_name(_CODE)),
            artifacts={"onnx": str(model)},
            code_paths=[str(code)],
            pip_requirements=[f"{package}=={version(package)}" for package in _PACKAGES],
            signature=_signature(description),
            input_example=example_input(description),
            metadata=about,
        )
    return logged.model_uri


def example_input(description: Description) -> pd.DataFrame:
    """A row for each modality: clips of two frames of noise, shorter than T, in a size of their own."""
    import pandas as pd

    rng = np.random.default_rng(0)
    rows = []
    for modality in description.modalities:
        pixels = rng.integers(0, 256, (_EXAMPLE_FRAMES, 64, 32, 3), dtype=np.uint8)
        frames = [base64.b64encode(cv2.imencode(".jpg", frame)[1].tobytes()).decode() for frame in pixels]
        row: dict[str, Any] = {"frames": frames, "modality": modality}
        if description.uses_joints:
            joints = rng.uniform((0, 0, 0.5), (32, 64, 1), (_EXAMPLE_FRAMES, NUMBER_OF_JOINTS, 3))
            row["joints"] = joints.round(2).tolist()
        rows.append(row)
    return pd.DataFrame(rows)


def _signature(description: Description) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Schema

    columns: list[Any] = [ColSpec(Array(DataType.string), "frames"), ColSpec(DataType.string, "modality")]
    if description.uses_joints:
        columns.append(ColSpec(Array(Array(Array(DataType.double))), "joints"))
    return ModelSignature(Schema(columns), Schema([ColSpec(Array(DataType.double), "features")]))


def _no_caches(folder: str, names: list[str]) -> set[str]:
    """Left out of the stored code: compiled files and the configurations, which a model has no use for."""
    return {name for name in names if name in ("__pycache__", "conf")}


@contextmanager
def _tracking(uri: str) -> Iterator[None]:
    """MLflow's own functions go to this store meanwhile; MLflow would leave its address in the environment."""
    import mlflow

    before, variable = mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        if variable is not None:
            os.environ["MLFLOW_TRACKING_URI"] = variable

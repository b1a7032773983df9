"""What MLflow runs of a stored model: this file is stored with it as its code."""

from __future__ import annotations

import base64
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

import star


class ServedModel(PythonModel):
    """Features of clips, one a row: `frames`, a list of JPEG or PNG files in base64; `modality`; `joints` [l 17 3]."""

    def load_context(self, context: Any) -> None:
        """Open the ONNX file."""
        self.model = star.load(context.artifacts["onnx"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """A column `features`, lists of d numbers, in the order of the rows."""
        features: list[list[float]] = []
        for row in model_input.to_dict("records"):
            frames = [base64.b64decode(frame) for frame in row["frames"]]
            joints = [row["joints"]] if self.model.uses_joints else None
            features.append(self.model.embed([frames], row["modality"], joints)[0].tolist())
        return pd.DataFrame({"features": features})


set_model(ServedModel())

"""The recipe of an estimator, from which every worker makes its own and by which a file says what made it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from star.errors import DataError
from star.pose.estimator import Estimator

ESTIMATORS = {
    "movenet": ("star.pose.movenet", "MoveNet"),
    "rtmpose": ("star.pose.rtmpose", "RtmPose"),
    "onnx_heatmap": ("star.pose.onnx_heatmap", "OnnxHeatmap"),
}
"""Module and class of each kind; imported only by who builds it, for their runtimes are optional."""


class Recipe(Protocol):
    """Makes an estimator; can be sent to another process."""

    def build(self) -> Estimator:
        """Load the model."""
        ...

    def identity(self) -> dict[str, str]:
        """All that can change a joint; `estimator` is its name."""
        ...


@dataclass(frozen=True)
class EstimatorRecipe:
    """A kind of estimator, its model file and its options.

    Attributes:
        kind: a key of `ESTIMATORS`.
        model: the file.
        options: keyword arguments of the class beside the model.
    """

    kind: str
    model: Path
    options: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Estimator:
        """Load the model.

        Raises:
            StarError: its runtime is not installed.
            DataError: the file is missing or no such model.
        """
        module, name = ESTIMATORS[self.kind]
        return getattr(import_module(module), name)(self.model, **self.options)

    def identity(self) -> dict[str, str]:
        """All that can change a joint.

        Raises:
            DataError: the model file cannot be read.
        """
        digest = hashlib.sha256()
        try:
            with self.model.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
        except OSError as error:
            raise DataError(f"pose model {self.model} cannot be read: {error.strerror}") from error
        options = {f"pose.{name}": json.dumps(value) for name, value in sorted(self.options.items())}
        return {"estimator": f"{self.kind}/{self.model.stem}", "model sha256": digest.hexdigest(), **options}


def version_of(identity: dict[str, str]) -> str:
    """Twelve hexadecimal digits that change with anything in it."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]

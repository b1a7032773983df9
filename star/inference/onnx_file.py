"""The network of an exported file, computed by ONNX Runtime."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from star.errors import DataError, StarError
from star.inference.description import Description
from star.inference.model import Model
from star.types import ClipBatch, Modality

METADATA = "star"
"""Key of the description in the file's metadata."""
CHECKSUM = "star_checksum"
"""Key of the length of the file without its metadata, in bytes, and of the checksum."""
_MOST_READERS = 4


class OnnxNetwork:
    """A session of ONNX Runtime, on all cores of the processor.

    Args:
        source: the file, or what it would have.
        threads: to compute with; None: one a core.

    Attributes:
        metadata: text by key.

    Raises:
        StarError: onnxruntime is not installed.
        DataError: the file is missing or no ONNX model.
    """

    def __init__(self, source: Path | bytes, threads: int | None = None) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise StarError(
                "exported models need the package onnxruntime, which is not installed: "
                "pip install 'star-vvi-reid[export]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        given, name = (source, "the model") if isinstance(source, bytes) else (str(source), str(source))
        try:
            self._session = onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base below Exception
            reason = str(error).splitlines()[0]
            raise DataError(f"{name} cannot be loaded ({reason}): expected a model that star-export wrote") from error
        self._inputs = {given.name for given in self._session.get_inputs()}
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def __call__(self, batch: ClipBatch, modality: Modality) -> np.ndarray:
        """[count d] float32 features, L2-normalised, of the clips of a batch that are not padding."""
        given = {
            "frames": batch.frames[: batch.count],
            "joints": batch.joints[: batch.count],
            "infrared": np.array(modality == "infrared"),
        }
        return self._session.run(None, {name: given[name] for name in self._inputs})[0]


def checksum(content: bytes, description: str) -> str:
    """What a file keeps under `CHECKSUM`.

    Args:
        content: of the file, without its metadata.
        description: JSON.
    """
    return f"{len(content)} {hashlib.sha256(content + description.encode()).hexdigest()}"


def load_onnx_model(path: Path) -> Model:
    """The model of a file that `star-export` wrote.

    Raises:
        StarError: onnxruntime is not installed.
        DataError: the file is missing, no ONNX model, one of other origin, or not as it was written.
    """
    network = OnnxNetwork(path)
    try:
        record: dict[str, Any] = json.loads(network.metadata[METADATA])
        description = Description.from_json(record)
        stated = network.metadata.get(CHECKSUM, "")
        length = int(stated.partition(" ")[0] or 0)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is an ONNX model without a description, expected one that star-export wrote"
        ) from error
    if stated and stated != checksum(path.read_bytes()[:length], network.metadata[METADATA]):
        raise DataError(f"{path} was changed after it was exported: its checksum differs, run star-export again")
    return Model(description, network, min(_MOST_READERS, os.cpu_count() or 1))

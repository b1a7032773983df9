"""The ONNX model of a run's network, and a description beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from star.export.check import Written, check_features, random_clips
from star.export.mindir import trace
from star.export.onnx_model import onnx_model
from star.export.writer import OPSET
from star.inference.description import Description
from star.inference.onnx_file import CHECKSUM, METADATA, OnnxNetwork, checksum
from star.inference.run_network import RunNetwork
from star.types import MODALITIES

ONNX_FILE = "model.onnx"
_CHECKED = (1, 3)
"""Clips at a time, one after the other."""


def write_onnx(loaded: RunNetwork, folder: Path) -> Written:
    """Write `model.onnx` and `model.json`.

    Raises:
        ExportError: the network cannot be exported, or its export computes something else.
    """
    from star.models.embedder import Embedder

    def inputs(clips: int) -> tuple[np.ndarray, ...]:
        return tuple(random_clips(loaded.description, clips)[:2])

    graphs = [trace(Embedder(loaded.network, modality), inputs) for modality in MODALITIES]
    model = onnx_model(*graphs)
    path = folder / ONNX_FILE
    about = save_described(model, path, portable(loaded.description))
    difference = check_features(path.name, OnnxNetwork(path), loaded, clips=_CHECKED)
    names = ", ".join(given.name for given in model.graph.input)
    return Written([path, about], f"{path.name}: opset {OPSET}, inputs {names}, any number of clips; {difference}")


def save_described(model: onnx.ModelProto, path: Path, description: Description, **more: Any) -> Path:
    """Save a model that describes itself, and the same as JSON beside it; gives the latter file."""
    text = json.dumps(description.as_json())
    onnx.helper.set_model_props(model, {})
    stated = checksum(model.SerializeToString(), text)
    onnx.helper.set_model_props(model, {METADATA: text, CHECKSUM: stated})
    onnx.save(model, path)
    inputs = [given.name for given in model.graph.input]
    record = {**description.as_json(), "onnx": {"file": path.name, "opset": OPSET, "inputs": inputs}, **more}
    about = path.with_suffix(".json")
    about.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return about


def portable(description: Description) -> Description:
    """Without what is about the machine a run was on."""
    config = {key: value for key, value in description.config.items() if key not in ("hardware", "tracker", "resume")}
    config["dataset"] = {**config["dataset"], "root": None, "pack": None, "skeletons": None}
    return replace(description, config=config)

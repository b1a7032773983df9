"""The trunk of an exported model in 8 bits, and what that costs in scores.

Convolutions and what stands between them are computed in 8 bits, with a scale for each output channel of the weights
and one for each activation, its range on calibration clips. Behind the switch of the modalities, and from the last
convolution on, numbers stay float32.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from star.types import ClipBatch, Modality

_IN_8_BITS = ("Conv", "Relu", "Add", "MaxPool")
CalibrationClips = Iterable[tuple[ClipBatch, Modality]]


class _Reader(CalibrationDataReader):
    """Feeds clips one by one."""

    def __init__(self, clips: CalibrationClips, inputs: set[str]) -> None:
        self._feeds = self._feed(clips, inputs)

    def _feed(self, clips: CalibrationClips, inputs: set[str]) -> Iterator[dict[str, Any]]:
        for batch, modality in clips:
            given = {"frames": batch.frames, "joints": batch.joints, "infrared": np.array(modality == "infrared")}
            yield {name: given[name] for name in inputs}

    def get_next(self) -> Any:
        """Inputs of the next clip; None behind the last."""
        return next(self._feeds, None)


def quantise(model: Path, out: Path, clips: CalibrationClips) -> int:
    """Write a model in 8 bits.

    Args:
        model: as `star.export.onnx_model` makes it.
        out: the file to write.
        clips: for the ranges of activations, batches of one clip.

    Returns:
        Convolutions in 8 bits.
    """
    logging.getLogger("root").addFilter(_is_not_advice)
    try:
        with tempfile.TemporaryDirectory() as folder:
            prepared = Path(folder) / model.name
            quant_pre_process(model, prepared, skip_symbolic_shape=True)  # folds batch norms into convolutions
            graph = onnx.load(prepared).graph
            nodes = _before_convolutions(graph)
            inputs = {given.name for given in graph.input}
            quantize_static(
                prepared,
                out,
                _Reader(clips, inputs),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_quantize=[node.name for node in nodes],
            )
    finally:
        logging.getLogger("root").removeFilter(_is_not_advice)
    return sum(node.op_type == "Conv" for node in nodes)


def _before_convolutions(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Convolutions, and the nodes between them that can be computed in 8 bits."""
    needed: set[str] = set()
    found = []
    for node in reversed(graph.node):
        if node.op_type == "Conv" or needed.intersection(node.output):
            needed.update(node.input)
            if node.op_type in _IN_8_BITS:
                found.append(node)
    return found


def _is_not_advice(record: logging.LogRecord) -> bool:
    """ONNX Runtime advises to do what has been done, and warns of what it leaves out of its own accord."""
    return record.levelno > logging.WARNING

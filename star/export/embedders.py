"""The embedders of a network as ONNX Runtime computes them, for ranking on a CPU."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from mindspore import Tensor

from star.config.schema import Config
from star.engine.blank_batch import blank_frames
from star.export.mindir import trace
from star.export.onnx_model import onnx_model
from star.inference.onnx_file import OnnxNetwork
from star.models.embedder import Embedder
from star.models.network import Network
from star.types import MODALITIES, NUMBER_OF_JOINTS, ClipBatch, Modality


def exported_embedders(config: Config, network: Network) -> dict[Modality, Callable[[Tensor, Tensor], Tensor]]:
    """What `star.engine.build_network.build_embedders` gives, with the weights the network has now.

    Args:
        config: checked configuration.
        network: of it.

    Raises:
        ExportError: the network cannot be exported.
    """

    def inputs(clips: int) -> tuple[np.ndarray, ...]:
        joints = np.zeros((clips, config.dataset.frames, NUMBER_OF_JOINTS, 3), np.float32)
        return blank_frames(config, network, clips), joints

    network.set_train(False)
    graphs = [trace(Embedder(network, modality), inputs) for modality in MODALITIES]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(onnx_model(*graphs), path)
        computed = OnnxNetwork(path)

    def embedder(modality: Modality) -> Callable[[Tensor, Tensor], Tensor]:
        def embed(frames: Tensor, joints: Tensor) -> Tensor:
            batch = ClipBatch(frames.asnumpy(), joints.asnumpy(), len(frames))
            return Tensor(computed(batch, modality))

        return embed

    return {modality: embedder(modality) for modality in MODALITIES}

"""The embedders of a network as ONNX Runtime computes them, for ranking on a CPU."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from mindspore import Tensor

from star.config.schema import Config
from star.engine.blank_batch import blank_frames
from star.export.graph import Graph
from star.export.mindir import trace_batch
from star.export.onnx_model import onnx_model
from star.inference.onnx_file import OnnxNetwork
from star.models.embedder import Embedder
from star.models.network import Network
from star.types import MODALITIES, NUMBER_OF_JOINTS, ClipBatch, Modality


def exported_embedders(
    config: Config, network: Network
) -> Callable[[], dict[Modality, Callable[[Tensor, Tensor], Tensor]]]:
    """What embeds with the weights the network has at the time of the call, in batches of `schedule.evaluation_batch`.

    The graphs are traced here, before a run has anything to lose; later the weights alone are read.

    Args:
        config: checked configuration.
        network: of it.

    Raises:
        ExportError: the network cannot be exported.
    """
    clips = config.schedule.evaluation_batch
    joints = np.zeros((clips, config.dataset.frames, NUMBER_OF_JOINTS, 3), np.float32)
    batch = blank_frames(config, network, clips), joints
    training = network.training
    network.set_train(False)
    graphs = [trace_batch(Embedder(network, modality), batch) for modality in MODALITIES]
    network.set_train(training)
    onnx_model(*graphs)  # an operator without a translation is told now
    # star-train gives each of several processes cores of its own; msrun may not.
    threads = len(os.sched_getaffinity(0)) if config.hardware.processes > 1 else None

    def present() -> dict[Modality, Callable[[Tensor, Tensor], Tensor]]:
        weights = {parameter.name: parameter.asnumpy() for parameter in network.get_parameters()}
        model = onnx_model(*(_with_weights(graph, weights) for graph in graphs))
        computed = OnnxNetwork(model.SerializeToString(), threads)

        def embedder(modality: Modality) -> Callable[[Tensor, Tensor], Tensor]:
            def embed(frames: Tensor, joints: Tensor) -> Tensor:
                return Tensor(computed(ClipBatch(frames.asnumpy(), joints.asnumpy(), len(frames)), modality))

            return embed

        return {modality: embedder(modality) for modality in MODALITIES}

    return present


def _with_weights(graph: Graph, weights: dict[str, np.ndarray]) -> Graph:
    return graph._replace(parameters={name: weights[name] for name in graph.parameters})

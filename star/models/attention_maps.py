"""Attention and pooling weights of a trained network in a clip, read from the cells that use them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from mindspore import Tensor, nn

from star.models.frame_guidance import FrameGuidance
from star.models.joints_branch import GraphAttention, JointsBranch
from star.models.network import Network
from star.models.pooling import GuidedPooling


def read_attention(model: Network, frames: Tensor, joints: Tensor, infrared: bool) -> list[dict[str, Any]]:
    """Embed clips and read what the network weighed meanwhile.

    The cells are the model's own and so are their inputs; only the softmax weights are computed a second time. Runs in
    PyNative mode and without dropout; the model's training flag is restored.

    Args:
        model: what it has not is None or () in the answer.
        frames: [b t h w 3] uint8, RGB, one modality.
        joints: [b t j 3], x and y in 0..1 of the frame, confidence.
        infrared: which stem.

    Returns:
        One a clip, the fields of `star.evaluation.attention_pictures.ClipAttention`.
    """
    watched: dict[str, nn.Cell] = {}
    for _, cell in model.cells_and_names():
        if isinstance(cell, JointsBranch):
            watched |= {"layer1": cell.layer1, "layer2": cell.layer2}
        elif isinstance(cell, FrameGuidance):
            watched |= {"bones_ask_frames": cell.bones_ask_frames, "frames_ask_bones": cell.frames_ask_bones}
        elif isinstance(cell, GuidedPooling):
            watched["pooling"] = cell
    training = model.training
    model.set_train(False)
    with _inputs(watched) as inputs:
        model.embed(frames, joints, infrared)
    read = {name: _weights(name, cell, inputs[name]) for name, cell in watched.items()}
    model.set_train(training)
    return [_of_clip(watched, {name: values[clip] for name, values in read.items()}) for clip in range(len(frames))]


@contextmanager
def _inputs(cells: dict[str, nn.Cell]) -> Iterator[dict[str, tuple]]:
    """What the cells are called with, by their names."""
    seen: dict[str, tuple] = {}
    handles = []
    for name, cell in cells.items():

        def remember(_: nn.Cell, given: tuple, name: str = name) -> None:
            seen[name] = given

        handles.append(cell.register_forward_pre_hook(remember))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _weights(name: str, cell: nn.Cell, inputs: tuple) -> np.ndarray:
    if isinstance(cell, GraphAttention):
        weights = cell.attention(cell.values(inputs[0]))
    elif name == "pooling":
        weights = cell.weights(inputs[1])
    else:
        weights = cell.attention(*inputs)
    return weights.asnumpy().astype(np.float32)


def _of_clip(watched: dict[str, Any], read: dict[str, np.ndarray]) -> dict[str, Any]:
    layers = tuple(read[name] for name in ("layer1", "layer2") if name in read)
    return {
        "joints": layers,
        "graph": watched["layer1"].outside.asnumpy() == 0 if layers else None,
        "bones_ask_frames": read.get("bones_ask_frames"),
        "frames_ask_bones": read.get("frames_ask_bones"),
        "powers": watched["pooling"].powers if "pooling" in read else (),
        "mixture": read.get("pooling"),
    }

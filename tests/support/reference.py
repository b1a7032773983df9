"""Weights of the reference computation, by formula, under our parameter names.

The authors' PyTorch code was run with weights that follow from their names and shapes; see tests/golden/README.md.
"""

import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from mindspore import Parameter, Tensor, nn


class Piece(NamedTuple):
    """Rows of a reference tensor.

    Attributes:
        name: reference name.
        shape: reference shape.
        rows: first and last+1 row that are meant, None for all.
    """

    name: str
    shape: tuple[int, ...]
    rows: tuple[int, int] | None = None


@lru_cache(maxsize=1)
def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Value of a reference tensor."""
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    if name.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, shape)
    elif name.endswith("running_mean"):
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1 and name.endswith("weight"):
        values = 1 + 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1:
        values = 0.1 * rng.standard_normal(shape)
    else:
        values = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
    return values.astype(np.float32)


TAILS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
PREFIXES = (
    ("backbone.visible_stem.", "visible_module.visible."),
    ("backbone.infrared_stem.", "thermal_module.thermal."),
    ("backbone.stage", "base_resnet.base.layer"),
    ("skeleton.bones.linear.", "fc1."),
    ("skeleton.bones.lstm.", "lstm_edge."),
    ("skeleton.joints.layer1.", "gat.conv1."),
    ("skeleton.joints.layer2.", "gat.conv2."),
    ("skeleton.norm.", "pose_bottleneck."),
    ("frame_guidance.bones_ask_frames.", "time_guide.cross_attn."),
    ("frame_guidance.frames_ask_bones.", "time_guide.reverse_cross_attn."),
    ("frame_guidance.hidden.", "time_guide.ffn.0."),
    ("frame_guidance.out.", "time_guide.ffn.2."),
    ("pooling.mixture.", "GuidedAggModule.fc_layers."),
    ("frame_neck.norm.", "local_bottleneck."),
    ("frame_neck.classifier.", "local_classifier."),
    ("clip_neck.norm.", "global_bottleneck."),
    ("clip_neck.classifier.", "global_classifier."),
)


def pieces(name: str, shape: tuple[int, ...], prefixes: Iterable[tuple[str, str]] = PREFIXES) -> list[Piece]:
    """Reference tensors whose rows make up our parameter."""
    for ours, theirs in prefixes:
        if name.startswith(ours):
            name = theirs + name[len(ours) :]
            break
    head, _, tail = name.rpartition(".")
    tail = TAILS.get(tail, tail)
    if head.startswith(("visible_module", "thermal_module", "base_resnet", "resnet50")):
        head = head.replace(".norm", ".bn").replace(".shortcut", ".downsample")
        if head.endswith(".conv") or head.endswith(".bn"):
            head += "1"
    if tail in ("source", "target"):
        tail = {"source": "att_src", "target": "att_dst"}[tail]
    elif head.endswith(".linear") and "gat." in head:
        head = head.removesuffix("linear") + "lin"
    elif "_attn." in head and head.endswith(".out"):
        head = head.removesuffix("out") + "out_proj"
    for position, role in enumerate(("query", "key", "value")):
        if "attn" in head and head.endswith("." + role):
            d = shape[0]
            packed = f"{head.removesuffix(role)}in_proj_{tail}"
            return [Piece(packed, (3 * d, *shape[1:]), (position * d, (position + 1) * d))]
    if head.endswith("fc_layers"):
        d = shape[0] // 5
        return [Piece(f"{head}.{power}.{tail}", (d, *shape[1:])) for power in range(5)]
    return [Piece(f"{head}.{tail}", shape)]


def array(parts: list[Piece]) -> np.ndarray:
    """Our value of a parameter."""
    values = []
    for part in parts:
        whole = weight(part.name, part.shape)
        values.append(whole if part.rows is None else whole[part.rows[0] : part.rows[1]])
    return np.concatenate(values) if len(values) > 1 else values[0]


def set_reference_weight(parameter: Parameter, prefixes: Iterable[tuple[str, str]] = PREFIXES) -> None:
    """Gives a parameter its reference value."""
    value = array(pieces(parameter.name, tuple(parameter.shape), prefixes))
    parameter.set_data(Tensor(value.reshape(parameter.shape)))


def set_reference_weights(cell: nn.Cell, prefixes: Iterable[tuple[str, str]] = PREFIXES) -> None:
    """Gives every parameter of a cell its reference value."""
    for parameter in cell.get_parameters():
        set_reference_weight(parameter, prefixes)


def gradient_norms(parameters: Iterable[Parameter], gradients: Iterable[Tensor]) -> dict[str, float]:
    """Norm of each reference tensor's gradient, put together from the gradients of our parameters."""
    squares: dict[str, float] = {}
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parts = pieces(parameter.name, tuple(parameter.shape))
        rows = np.split(gradient.asnumpy().astype(np.float64), len(parts))
        for part, values in zip(parts, rows, strict=True):
            squares[part.name] = squares.get(part.name, 0.0) + float((values**2).sum())
    return {name: float(np.sqrt(square)) for name, square in squares.items()}

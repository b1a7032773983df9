"""One ONNX model of the graphs of both modalities: what they share is in it once, behind a switch what they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from star.export.errors import ExportError
from star.export.graph import Clips, Graph, Tensor
from star.export.operators import OPERATORS
from star.export.writer import OPSET, Writer

SWITCH = "infrared"
"""Input that chooses the modality, a bool; there where the modalities go different ways."""
CLIPS_AXIS = "clips"
FEATURES = "features"
_IR_VERSION = 8
"""The one that came with the opset."""
_LARGEST = 2**31 - 1
"""Bytes of one ONNX file: the format's limit."""


def onnx_model(visible: Graph, infrared: Graph) -> ModelProto:
    """Write the network as one model for any number of clips.

    Args:
        visible, infrared: its graphs, with the same inputs.

    Raises:
        ExportError: an operator that has no translation, named with its place; or more weights than one file holds.
    """
    weights = sum(value.nbytes for value in {**visible.parameters, **infrared.parameters}.values())
    if weights > _LARGEST:
        raise ExportError(
            f"ONNX: the network's embedding has {weights / 1e9:.1f} GB of weights, expected at most "
            f"{_LARGEST / 1e9:.1f} GB, which is what one ONNX file can hold"
        )
    (first, features), (second, _) = _write(visible), _write(infrared)
    nodes, switched = _switched(first, second)
    read = {name for node in (*first.nodes, *second.nodes) for name in node.input}
    inputs = [_described(name, tensor) for name, tensor in visible.inputs.items() if name in read]
    if switched:
        inputs.append(helper.make_tensor_value_info(SWITCH, TensorProto.BOOL, []))
    outside = {name for node in nodes for name in node.input}
    constants = [tensor for name, tensor in first.constants.items() if name in outside]
    made = {name for node in nodes for name in node.output}
    shapes = [_described(name, tensor) for name, tensor in first.shapes.items() if name in made]
    graph = helper.make_graph(nodes, "star", inputs, [_described(FEATURES, features)], constants, value_info=shapes)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="star")
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    return model


def unknown_operators(graph: Graph) -> list[str]:
    """Operators without a translation, each with the place it is first met in."""
    places: dict[str, str] = {}
    for node in graph.nodes:
        if node.operator not in OPERATORS:
            places.setdefault(node.operator, node.place)
    return [f"{operator} in {place}" for operator, place in places.items()]


class _Written(NamedTuple):
    """A graph's nodes that are needed, its constants, and the shapes of what depends on the number of clips.

    A runtime that knows two of these shapes to be equal adds in place.
    """

    nodes: list[NodeProto]
    constants: dict[str, TensorProto]
    shapes: dict[str, Tensor]


def _write(graph: Graph) -> tuple[_Written, Tensor]:
    """The nodes of a graph, and what they give in the end."""
    if unknown := unknown_operators(graph):
        raise ExportError(
            f"ONNX: no translation for {', '.join(unknown)}; build the part of other operators, or add the operator "
            "to star/export/operators.py"
        )
    writer = Writer(graph)
    for node in graph.nodes:
        writer.write(node, OPERATORS[node.operator])
    nodes = [*writer.nodes, helper.make_node("Identity", [writer.name(graph.output)], [FEATURES], name=FEATURES)]
    needed = _with_all_before(nodes, {len(nodes) - 1})
    of_clips = {
        name: tensor
        for name, tensor in writer.shapes().items()
        if tensor.dtype == np.float32 and any(isinstance(length, Clips) for length in tensor.shape)
    }
    written = _Written([nodes[place] for place in sorted(needed)], writer.constants, of_clips)
    return written, writer.tensor(graph.output)


def _switched(first: _Written, second: _Written) -> tuple[list[NodeProto], bool]:
    """The nodes of two graphs as those of one, and whether there is a switch among them."""
    pairs = list(zip(first.nodes, second.nodes, strict=False))
    if len(first.nodes) != len(second.nodes) or any(a.output != b.output for a, b in pairs):
        raise ExportError("ONNX: visible and infrared clips go through parts of different kinds, expected the same")
    different = {place for place, (a, b) in enumerate(pairs) if a != b}
    if not different:
        return first.nodes, False
    inside = _with_what_follows(first.nodes, _with_all_before(first.nodes, different))
    made_inside = {name for place in inside for name in first.nodes[place].output}
    rest = [node for place, node in enumerate(first.nodes) if place not in inside]
    wanted = [name for name in {n: None for node in rest for n in node.input} if name in made_inside]
    if not wanted:
        raise ExportError("ONNX: visible and infrared clips share no part of the network, expected a common trunk")
    branches: dict[str, Any] = {
        "then_branch": _branch("infrared", [second.nodes[place] for place in sorted(inside)], wanted, second.constants),
        "else_branch": _branch("visible", [first.nodes[place] for place in sorted(inside)], wanted, first.constants),
    }
    return [helper.make_node("If", [SWITCH], wanted, name=SWITCH, **branches), *rest], True


def _with_all_before(nodes: list[NodeProto], chosen: set[int]) -> set[int]:
    """Places of some nodes and of all that they need."""
    maker = {name: place for place, node in enumerate(nodes) for name in node.output}
    found, waiting = set(), list(chosen)
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += [maker[name] for name in nodes[place].input if name in maker]
    return found


def _with_what_follows(nodes: list[NodeProto], chosen: set[int]) -> set[int]:
    """With the nodes after them that have no weights and only one input, as long as there is just one way.

    Activation and pooling behind a convolution are then computed with it, in its own layout of memory.
    """
    inside = set(chosen)
    while True:
        made = {name for place in inside for name in nodes[place].output}
        after = [place for place, node in enumerate(nodes) if place not in inside and made.intersection(node.input)]
        if len(after) != 1 or len(nodes[after[0]].input) != 1:
            return inside
        inside.add(after[0])


def _branch(
    modality: str, nodes: list[NodeProto], wanted: list[str], constants: Mapping[str, TensorProto]
) -> GraphProto:
    """A branch has its own names, for those outside are seen in it."""
    own = {name: f"{modality}/{name}" for node in nodes for name in node.output}
    needed = list(dict.fromkeys(name for node in nodes for name in node.input if name in constants))
    own |= {name: f"{modality}/{name}" for name in needed}
    renamed = []
    for node in nodes:
        copy = NodeProto()
        copy.CopyFrom(node)
        copy.name = f"{modality}/{node.name}"
        copy.input[:] = [own.get(name, name) for name in node.input]
        copy.output[:] = [own[name] for name in node.output]
        renamed.append(copy)
    tensors = []
    for name in needed:
        tensor = TensorProto()
        tensor.CopyFrom(constants[name])
        tensor.name = own[name]
        tensors.append(tensor)
    outputs = [helper.make_empty_tensor_value_info(own[name]) for name in wanted]
    return helper.make_graph(renamed, modality, [], outputs, tensors)


def _described(name: str, tensor: Tensor) -> Any:
    shape = [_axis(length) if isinstance(length, Clips) else length for length in tensor.shape]
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(tensor.dtype), shape)


def _axis(length: Clips) -> str:
    return CLIPS_AXIS if length.each == 1 else f"{length.each} {CLIPS_AXIS}"

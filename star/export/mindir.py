"""The graph of a network as MindSpore exports it (MindIR), read into `star.export.graph.Graph`."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import nn
from mindspore.train import mind_ir_pb2

from star.export.errors import ExportError
from star.export.graph import Graph, Node, Parameter, Ref, Tensor, for_any_clips

_CLIPS = (11, 13)
"""For which a graph is asked for; primes, so that no other length of a network is a multiple of both."""
_TYPES = {
    **{1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_},
    **{10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64, 17: np.float64},
}
"""By number of mind_ir.proto's TensorProto.DataType."""
_Attribute: Any = mind_ir_pb2.AttributeProto
_STATE = object()
"""Order of side effects, which a network in evaluation has none of."""


def export_mindir(cell: nn.Cell, path: Path, *inputs: np.ndarray) -> None:
    """Write a cell in MindSpore's own format, for inputs of these shapes."""
    ms.export(cell, *map(ms.Tensor, inputs), file_name=str(path.with_suffix("")), file_format="MINDIR")
    path.chmod(path.stat().st_mode | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)


def trace(cell: nn.Cell, inputs: Callable[[int], tuple[np.ndarray, ...]]) -> Graph:
    """The graph of a cell, for any number of clips.

    Args:
        cell: in evaluation mode.
        inputs: of a number of clips.

    Raises:
        ExportError: the graph has control flow, or depends on the number of clips in an unknown way.
    """
    first, second = (trace_batch(cell, inputs(clips)) for clips in _CLIPS)
    return for_any_clips(first, second, _CLIPS)


def trace_batch(cell: nn.Cell, inputs: tuple[np.ndarray, ...]) -> Graph:
    """The graph of a cell, for as many clips as these inputs have, in half the time.

    Raises:
        ExportError: the graph has control flow.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.mindir"
        export_mindir(cell, path, *inputs)
        return read_mindir(path.read_bytes())


def read_mindir(data: bytes) -> Graph:
    """Parse a file in MindIR format.

    Raises:
        ExportError: the graph has control flow, several outputs or values of an unknown kind.
    """
    model: Any = mind_ir_pb2.ModelProto()
    model.ParseFromString(data)
    graph = model.graph
    if model.functions or len(graph.output) != 1:
        raise ExportError(
            "the network's graph has branches or loops that depend on tensors, or several outputs, which an export "
            "cannot have"
        )
    primitives = {primitive.name: primitive for primitive in model.primitives}
    values: dict[str, Any] = {}
    parameters = {}
    for parameter in graph.parameter:
        name = _short(parameter.name)
        values[parameter.name] = Parameter(name)
        parameters[name] = _array(parameter)
    inputs = {}
    for given in graph.input:
        name = _short(given.name)
        values[given.name] = Ref(name)
        inputs[name] = _tensor(given.tensor[0])
    nodes = []
    for node in graph.node:
        output = node.output[0]
        primitive = primitives.get(node.op_type.removeprefix("REF::"))
        operator = node.op_type if primitive is None else primitive.op_type
        given = tuple(values[name] for name in node.input)
        if operator == "Constant":
            values[output] = _value(node.attribute[0])
        elif operator in ("Load", "Depend"):
            values[output] = given[0]
        elif operator == "UpdateState":
            values[output] = _STATE
        elif operator == "MakeTuple":
            values[output] = given
        elif operator == "TupleGetItem" and isinstance(given[0], tuple) and not isinstance(given[0], Ref):
            values[output] = given[0][given[1]]
        else:
            attributes = {} if primitive is None else {a.name: _value(a) for a in primitive.attribute}
            shapes = next(a for a in node.attribute if a.name == "shape")
            place = node.domain.removeprefix("Default/").rpartition("/")[0] or "the network"
            values[output] = Ref(output)
            nodes.append(Node(operator, output, given, _shapes(shapes), attributes, place))
    return Graph(inputs, parameters, nodes, values[graph.output[0].name])


def _short(name: str) -> str:
    """Without the name of the graph."""
    return name.rpartition(":")[2]


def _value(attribute: Any) -> Any:
    kind = _Attribute.AttributeType.Name(attribute.type)
    if kind in ("TUPLE", "LIST"):
        return tuple(_value(element) for element in attribute.values)
    if kind == "NONE":
        return None
    if kind in ("UMONAD", "IOMONAD"):
        return _STATE
    if kind == "TENSORS" and len(attribute.tensors) == 1:
        return _array(attribute.tensors[0])
    if kind == "TENSOR":
        return _array(attribute.t)
    if kind == "STRING":
        return (attribute.s or b"".join(attribute.strings)).decode()
    if kind == "BOOL":
        return bool(attribute.i or any(attribute.ints))
    if kind.startswith(("INT", "UINT")):
        return int(attribute.ints[0] if attribute.ints else attribute.i)
    if kind == "FLOAT":
        return float(attribute.floats[0] if attribute.floats else attribute.f)
    if kind == "DOUBLE":
        return float(attribute.doubles[0] if attribute.doubles else attribute.d)
    raise ExportError(f"a value of kind {kind}, which an export cannot have")


def _shapes(attribute: Any) -> Any:
    if attribute.values:
        return tuple(_shapes(element) for element in attribute.values)
    if not attribute.tensors:
        return None
    return _tensor(attribute.tensors[0])


def _tensor(proto: Any) -> Tensor:
    if proto.data_type not in _TYPES:
        raise ExportError(f"a tensor of MindIR's type number {proto.data_type}, which an export cannot have")
    return Tensor(np.dtype(_TYPES[proto.data_type]), tuple(proto.dims))


def _array(proto: Any) -> np.ndarray:
    dtype, shape = _tensor(proto)
    return np.frombuffer(proto.raw_data, dtype).reshape(shape)

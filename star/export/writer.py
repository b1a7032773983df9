"""What operators write their ONNX nodes with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from star.export.errors import ExportError
from star.export.graph import Clips, Filled, Graph, Node, Parameter, Ref, Tensor

OPSET = 17

Operator = Callable[["Writer", Node], "str | tuple[str, ...]"]
"""Writes one MindSpore operator; gives the name of its output, or of each."""


class Writer:
    """Collects the nodes and constants of an ONNX graph.

    The same network gives the same names, and equal constants have one name.

    Args:
        graph: to write.

    Attributes:
        nodes: in the order they are computed.
        constants: by name.
    """

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self._parameters = graph.parameters
        self._given: dict[str, Any] = {name: name for name in graph.inputs}
        self._tensors: dict[str, Any] = dict(graph.inputs)
        self._first = next(iter(graph.inputs))
        self._clips: str | None = None

    def write(self, node: Node, operator: Operator) -> None:
        """Write one node."""
        self._given[node.name] = operator(self, node)
        self._tensors[node.name] = node.output

    def tensor(self, value: Any) -> Tensor:
        """Type and shape of an input of a node."""
        if isinstance(value, Ref):
            return self._tensors[value.name]
        if isinstance(value, Parameter):
            array = self._parameters[value.name]
            return Tensor(array.dtype, array.shape)
        if isinstance(value, Filled):
            return Tensor(value.value.dtype, value.shape)
        array = np.asarray(value)
        return Tensor(array.dtype, array.shape)

    def shapes(self) -> dict[str, Tensor]:
        """Type and shape of what MindSpore's nodes give, by its ONNX name."""
        return {
            given: self._tensors[name]
            for name, given in self._given.items()
            if isinstance(given, str) and isinstance(self._tensors[name], Tensor)
        }

    def name(self, value: Any, dtype: np.dtype | None = None) -> str:
        """The ONNX name of an input of a node; what is no tensor becomes a constant of the type."""
        if isinstance(value, Ref):
            return self._given[value.name]
        if isinstance(value, Parameter):
            return self._constant(self._parameters[value.name], value.name)
        if isinstance(value, Filled):
            return self.add("Expand", self.constant(value.value), self.integers(value.shape))
        if isinstance(value, (bool, int, float)):
            return self.constant(np.asarray(value, dtype))
        if isinstance(value, np.ndarray):
            return self.constant(value)
        raise ExportError(f"{value!r} stands where a tensor is expected")

    def names(self, value: Any) -> tuple[str, ...]:
        """The ONNX names of an input that is a tuple of tensors."""
        if isinstance(value, Ref):
            return self._given[value.name]
        return tuple(self.name(element) for element in value)

    def constant(self, value: Any, dtype: Any = None) -> str:
        """A constant tensor, named after its content."""
        array = np.asarray(value, dtype)
        digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()[:16]
        return self._constant(array, f"constant_{digest}")

    def integers(self, values: Sequence[Any]) -> str:
        """A list of whole numbers, some of which may be `Clips`."""
        if not any(isinstance(value, Clips) for value in values):
            return self.constant(values, np.int64)
        clips = self._clips = self._clips or self.add("Shape", self._first, start=0, end=1)
        parts = [
            self.add("Mul", clips, self.constant([value.each], np.int64))
            if isinstance(value, Clips)
            else self.constant([value], np.int64)
            for value in values
        ]
        return self.add("Concat", *parts, axis=0)

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Write an ONNX node; gives the name of its output, or a tuple of them if there are several."""
        number = len(self.nodes)
        names = [f"{operator.lower()}_{number}" + (f"_{place}" if place else "") for place in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=f"{operator}_{number}", **attributes))
        return names[0] if outputs == 1 else tuple(names)

    def maker(self, name: str) -> NodeProto | None:
        """The node that gives this; None if it is a constant or an input."""
        return next((node for node in reversed(self.nodes) if name in node.output), None)

    def _constant(self, array: np.ndarray, name: str) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        return name

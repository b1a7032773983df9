"""A network's graph between MindIR and ONNX: operators in their order, constants as plain values.

A graph holds for any number of clips: where MindIR has numbers for a certain one, `Clips` stands for a multiple of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from star.export.errors import ExportError


class Ref(NamedTuple):
    """A tensor that is computed: an input or what a node gives."""

    name: str


class Parameter(NamedTuple):
    """A tensor of the network, by its name in the checkpoint."""

    name: str


class Clips(NamedTuple):
    """`each` times the number of clips."""

    each: int


class Filled(NamedTuple):
    """A constant that is as long as there are clips along some axes.

    Attributes:
        value: of length 1 along these axes.
        shape: ints and `Clips`.
    """

    value: np.ndarray
    shape: tuple[Any, ...]


class Tensor(NamedTuple):
    """Type and shape (ints and `Clips`) of what is computed."""

    dtype: np.dtype
    shape: tuple[Any, ...]


class Node(NamedTuple):
    """One operator.

    Attributes:
        operator: MindSpore's name of it.
        name: of its output.
        inputs: `Ref`, `Parameter`, `Filled`, arrays, numbers, texts, None, `Clips`, and tuples of them.
        output: a `Tensor`, or a tuple of them.
        attributes: of the operator, by name.
        place: where in the network it is.
    """

    operator: str
    name: str
    inputs: tuple[Any, ...]
    output: Any
    attributes: dict[str, Any]
    place: str

    def __str__(self) -> str:
        return f"{self.operator} in {self.place}"


class Graph(NamedTuple):
    """A network.

    Attributes:
        inputs: by name.
        parameters: by name.
        nodes: in an order in which they can be computed.
        output: what is wanted.
    """

    inputs: dict[str, Tensor]
    parameters: dict[str, np.ndarray]
    nodes: list[Node]
    output: Ref


def for_any_clips(first: Graph, second: Graph, clips: tuple[int, int]) -> Graph:
    """The graph of which two are given for different numbers of clips.

    Args:
        first, second: the same network.
        clips: the number of each.

    Raises:
        ExportError: the graphs differ in more than that number.
    """
    kinds = [[(node.operator, len(node.inputs)) for node in graph.nodes] for graph in (first, second)]
    if kinds[0] != kinds[1]:
        raise ExportError(f"the network's graph is another one for {clips[0]} clips than for {clips[1]}")
    names = {b.name: a.name for a, b in zip(first.nodes, second.nodes, strict=True)}
    names |= dict(zip(second.inputs, first.inputs, strict=True))
    nodes = []
    for a, b in zip(first.nodes, second.nodes, strict=True):
        merged = [_merge(x, y, clips, names, str(a)) for x, y in zip(a.inputs, b.inputs, strict=True)]
        output = _merge(a.output, b.output, clips, names, str(a))
        nodes.append(a._replace(inputs=tuple(merged), output=output))
    inputs = {
        name: _merge(first.inputs[name], second.inputs[other], clips, names, name)
        for other, name in zip(second.inputs, first.inputs, strict=True)
    }
    return first._replace(inputs=inputs, nodes=nodes)


def _merge(a: Any, b: Any, clips: tuple[int, int], names: dict[str, str], where: str) -> Any:
    if isinstance(a, Ref) and isinstance(b, Ref) and names.get(b.name) == a.name:
        return a
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype == b.dtype and a.ndim == b.ndim:
        return a if np.array_equal(a, b) else _filled(a, b, clips, where)
    if isinstance(a, tuple) and isinstance(b, tuple) and type(a) is type(b) and len(a) == len(b):
        merged = [_merge(x, y, clips, names, where) for x, y in zip(a, b, strict=True)]
        return type(a)(*merged) if hasattr(a, "_fields") else tuple(merged)
    if type(a) is type(b) and not isinstance(a, (Ref, np.ndarray)):
        if a == b:
            return a
        if isinstance(a, int) and a % clips[0] == 0 and a // clips[0] * clips[1] == b:
            return Clips(a // clips[0])
    raise ExportError(
        f"{where} depends on the number of clips in an unknown way: {a} for {clips[0]}, {b} for {clips[1]}"
    )


def _filled(a: np.ndarray, b: np.ndarray, clips: tuple[int, int], where: str) -> Filled:
    shape = _merge(tuple(a.shape), tuple(b.shape), clips, {}, where)
    one = tuple(slice(1) if isinstance(length, Clips) else slice(None) for length in shape)
    if not ((a == a[one]).all() and (b == a[one]).all()):
        raise ExportError(f"{where}: a constant that is another one for every clip")
    return Filled(a[one], shape)

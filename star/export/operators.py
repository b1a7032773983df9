"""MindSpore's operators in ONNX, by the names they have in MindIR.

Beside what the networks here are made of, the table has the usual ones for parts of other people. An operator that it
lacks is refused by its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import helper

from star.export.errors import ExportError
from star.export.graph import Clips, Node
from star.export.writer import Operator, Writer

_PAD_MODES = ("pad", "same", "valid")
"""By MindSpore's number."""
_WHOLE = 2**63 - 1
"""End of a slice that takes all."""


def _unary(operator: str) -> Operator:
    return lambda to, node: to.add(operator, to.name(node.inputs[0]))


def _binary(operator: str) -> Operator:
    def write(to: Writer, node: Node) -> str:
        types = [to.tensor(x).dtype for x in node.inputs if not isinstance(x, (bool, int, float))]
        return to.add(operator, *(to.name(x, types[0]) for x in node.inputs[:2]))

    return write


def _reduce(operator: str) -> Operator:
    """(x, axes, keep) with axes an int, a tuple or None."""

    def write(to: Writer, node: Node) -> str:
        x, axes, keep = node.inputs[:3]
        axes = [axes] if isinstance(axes, int) else [*(axes or ())]
        return _reduced(to, operator, _as_type(to, x, node.output.dtype), axes, bool(keep))

    return write


def _reduced(to: Writer, operator: str, x: str, axes: Sequence[int], keep: bool) -> str:
    if operator == "ReduceSum":  # the only one whose axes are an input in this opset
        return to.add(operator, x, *([to.constant(axes, np.int64)] if axes else []), keepdims=int(keep))
    options: dict[str, Any] = {"axes": axes} if axes else {}
    return to.add(operator, x, keepdims=int(keep), **options)


def _as_type(to: Writer, value: Any, dtype: np.dtype) -> str:
    name = to.name(value, dtype)
    if to.tensor(value).dtype == dtype:
        return name
    return to.add("Cast", name, to=helper.np_dtype_to_tensor_dtype(dtype))


def _item(to: Writer, node: Node) -> str:
    """One output of an operator with several; in evaluation only the first ones are written."""
    names, position = to.names(node.inputs[0]), node.inputs[1]
    if position >= len(names):
        raise ExportError(f"{node}: output {position} of an operator of which only {len(names)} is written")
    return names[position]


def _cast(to: Writer, node: Node) -> str:
    return _as_type(to, node.inputs[0], node.output.dtype)


def _square(to: Writer, node: Node) -> str:
    x = to.name(node.inputs[0])
    return to.add("Mul", x, x)


def _rsqrt(to: Writer, node: Node) -> str:
    return to.add("Reciprocal", to.add("Sqrt", to.name(node.inputs[0])))


def _atan2(to: Writer, node: Node) -> str:
    """ONNX has the arc tangent of one number: half a turn is added left of the axis, and the axis is by itself."""
    y, x = map(to.name, node.inputs)
    turns = [to.constant(number, node.output.dtype) for number in (0, 1, math.pi, -math.pi, math.pi / 2)]
    zero, one, half_turn, half_turn_back, quarter_turn = turns
    on_axis = to.add("Equal", x, zero)
    angle = to.add("Atan", to.add("Div", y, to.add("Where", on_axis, one, x)))
    turned = to.add("Add", angle, to.add("Where", to.add("Less", y, zero), half_turn_back, half_turn))
    angle = to.add("Where", to.add("Less", x, zero), turned, angle)
    return to.add("Where", on_axis, to.add("Mul", to.add("Sign", y), quarter_turn), angle)


def _elu(to: Writer, node: Node) -> str:
    return to.add("Elu", to.name(node.inputs[0]), alpha=float(node.inputs[1]))


def _softmax(to: Writer, node: Node) -> str:
    axes = node.inputs[1]
    axis = axes[0] if isinstance(axes, tuple) else axes
    if isinstance(axes, tuple) and len(axes) != 1:
        raise ExportError(f"{node}: over the axes {axes}, expected one")
    return to.add("Softmax", to.name(node.inputs[0]), axis=axis)


def _reshape(to: Writer, node: Node) -> str:
    """One length that depends on the number of clips is left to ONNX to find."""
    shape = node.output.shape
    if sum(isinstance(length, Clips) for length in shape) == 1:
        shape = tuple(-1 if isinstance(length, Clips) else length for length in shape)
    return to.add("Reshape", to.name(node.inputs[0]), to.integers(shape))


def _transpose(to: Writer, node: Node) -> str:
    return to.add("Transpose", to.name(node.inputs[0]), perm=list(node.inputs[1]))


def _expand_dims(to: Writer, node: Node) -> str:
    axis = node.inputs[1] % len(node.output.shape)
    return to.add("Unsqueeze", to.name(node.inputs[0]), to.constant([axis], np.int64))


def _squeeze(to: Writer, node: Node) -> str:
    x, axes = node.inputs
    shape = to.tensor(x).shape
    axes = [axes] if isinstance(axes, int) else list(axes) or [n for n, length in enumerate(shape) if length == 1]
    axes = to.constant([axis % len(shape) for axis in axes], np.int64)
    return _without(to, to.name(x), axes)


def _without(to: Writer, x: str, axes: str) -> str:
    """Axes of length 1 taken away; where they have just been put in, what was there before."""
    maker = to.maker(x)
    if maker is not None and maker.op_type == "Unsqueeze" and maker.input[1] == axes:
        return maker.input[0]
    return to.add("Squeeze", x, axes)


def _gather(to: Writer, node: Node) -> str:
    x, indices, axis, batch_axes = node.inputs
    if batch_axes:
        raise ExportError(f"{node}: with {batch_axes} batch axes, expected none")
    return to.add("Gather", to.name(x), to.name(indices, np.dtype(np.int64)), axis=int(axis))


def _strided_slice(to: Writer, node: Node) -> str:
    """Bits of the masks stand for axes: begin and end open, and lengths of 1 that are taken away."""
    x, begin, end, strides, begin_mask, end_mask, ellipsis, new_axes, shrink = node.inputs
    if ellipsis or new_axes:
        raise ExportError(f"{node}: with an ellipsis or new axes, expected begin, end and stride of each axis")
    lengths = to.tensor(x).shape
    starts, ends, steps, axes, taken_away = [], [], [], [], []
    for axis, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        if shrink >> axis & 1:
            first, last, step = int(first), int(first) + 1 or _WHOLE, 1
            taken_away.append(axis)
        else:
            first = (0 if step > 0 else _WHOLE) if begin_mask >> axis & 1 else first
            last = (_WHOLE if step > 0 else -_WHOLE) if end_mask >> axis & 1 or last == lengths[axis] else last
            if (first, last, step) == (0, _WHOLE, 1):
                continue
        for values, value in zip((starts, ends, steps, axes), (first, last, step, axis), strict=True):
            values.append(value)
    name = to.name(x)
    if axes:
        name = to.add("Slice", name, to.integers(starts), to.integers(ends), to.integers(axes), to.integers(steps))
    return to.add("Squeeze", name, to.constant(taken_away, np.int64)) if taken_away else name


def _reverse(to: Writer, node: Node) -> str:
    x, axes = node.inputs
    axes = [axis % len(node.output.shape) for axis in axes]
    edges = [to.constant([value] * len(axes), np.int64) for value in (-1, -_WHOLE)]
    return to.add("Slice", to.name(x), *edges, to.integers(axes), to.constant([-1] * len(axes), np.int64))


def _concat(to: Writer, node: Node) -> str:
    return to.add("Concat", *to.names(node.inputs[0]), axis=int(node.inputs[1]))


def _stack(to: Writer, node: Node) -> str:
    axis = node.attributes["axis"] % len(node.output.shape)
    parts = to.names(node.inputs[0])
    return to.add("Concat", *(to.add("Unsqueeze", part, to.constant([axis], np.int64)) for part in parts), axis=axis)


def _split(to: Writer, node: Node) -> tuple[str, ...]:
    """In equal parts, (x, axis, number)."""
    lengths = [part.shape[node.inputs[1]] for part in node.output]
    return to.add(
        "Split", to.name(node.inputs[0]), to.integers(lengths), axis=int(node.inputs[1]), outputs=len(node.output)
    )


def _broadcast_to(to: Writer, node: Node) -> str:
    return to.add("Expand", to.name(node.inputs[0]), to.integers(node.output.shape))


def _tile(to: Writer, node: Node) -> str:
    return to.add("Tile", to.name(node.inputs[0]), to.integers(node.inputs[1]))


def _select(to: Writer, node: Node) -> str:
    condition, *rest = node.inputs
    return to.add("Where", to.name(condition), *(to.name(x, node.output.dtype) for x in rest))


def _matmul(to: Writer, node: Node) -> str:
    x, y = map(to.name, node.inputs[:2])
    transposed = [bool(flag) for flag in node.inputs[2:4]] or [False, False]
    rank = len(to.tensor(node.inputs[0]).shape)
    if rank == len(to.tensor(node.inputs[1]).shape) == 2 and any(transposed):
        return to.add("Gemm", x, y, transA=int(transposed[0]), transB=int(transposed[1]))
    swapped = [*range(rank - 2), rank - 1, rank - 2]
    x, y = (to.add("Transpose", z, perm=swapped) if flag else z for z, flag in zip((x, y), transposed, strict=True))
    return to.add("MatMul", x, y)


def _bias_add(to: Writer, node: Node) -> str:
    x, bias = map(to.name, node.inputs[:2])
    after = len(node.output.shape) - 2
    if after:
        bias = to.add("Reshape", bias, to.constant([-1, *([1] * after)], np.int64))
    return to.add("Add", x, bias)


def _batch_norm(to: Writer, node: Node) -> tuple[str, ...]:
    x, *statistics, training, epsilon = node.inputs[:7]
    if training:
        raise ExportError(f"{node}: in training mode, expected evaluation")
    name = to.add("BatchNormalization", to.name(x), *map(to.name, statistics), epsilon=float(epsilon))
    return (name,)


def _layer_norm(to: Writer, node: Node) -> tuple[str, ...]:
    x, gamma, beta, first_axis, _, epsilon = node.inputs
    inputs = to.name(x), to.name(gamma), to.name(beta)
    return (to.add("LayerNormalization", *inputs, axis=int(first_axis), epsilon=float(epsilon)),)


def _convolution(axes: int) -> Operator:
    def write(to: Writer, node: Node) -> str:
        a = node.attributes
        geometry = {"strides": list(a["stride"][-axes:]), "dilations": list(a["dilation"][-axes:])}
        padding = _padding(a["pad_mode"], a.get("pad", ()))
        return to.add("Conv", *map(to.name, node.inputs[:2]), group=int(a.get("group", 1)), **geometry, **padding)

    return write


def _padding(mode: str, pad: Sequence[int]) -> dict[str, Any]:
    """MindSpore's pads are in pairs of an axis, ONNX' first all begins."""
    if mode.lower() == "same":
        return {"auto_pad": "SAME_UPPER"}
    return {"pads": [*pad[::2], *pad[1::2]]} if mode.lower() == "pad" else {}


def _max_pool(to: Writer, node: Node) -> str:
    a = node.attributes
    lengths = {"kernel_shape": list(a["kernel_size"][-2:]), "strides": list(a["strides"][-2:])}
    return to.add("MaxPool", to.name(node.inputs[0]), **lengths, **_padding(a["pad_mode"], ()))


def _average_pool(to: Writer, node: Node) -> str:
    x, kernel, strides, mode = node.inputs[:4]
    lengths = {"kernel_shape": list(kernel[-2:]), "strides": list(strides[-2:])}
    return to.add("AveragePool", to.name(x), **lengths, **_padding(_PAD_MODES[mode], ()))


def _max_pool_3d(to: Writer, node: Node) -> tuple[str, ...]:
    """With a first axis of length 1, as `nn.MaxPool2d` with padding has it, in two dimensions, which is faster."""
    a = node.attributes
    lengths = [list(a[name]) for name in ("ksize", "strides", "pads", "dilation")]
    x = to.name(node.inputs[0])
    flat = to.tensor(node.inputs[0]).shape[2] == 1 and [values[0] for values in lengths] == [1, 1, 0, 1]
    kernel, strides, pads, dilations = [values[1:] for values in lengths] if flat else lengths
    options: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "pads": pads * 2, "dilations": dilations}
    depth = to.constant([2], np.int64)
    x = _without(to, x, depth) if flat else x
    pooled = to.add("MaxPool", x, ceil_mode=int(a["ceil_mode"]), **options)
    return (to.add("Unsqueeze", pooled, depth) if flat else pooled,)


def _lstm(to: Writer, node: Node) -> tuple[str, ...]:
    """One layer, one direction: x [t b i], h and c [1 b d]; all weights in one row, gates in the order i f g o."""
    a = node.attributes
    if a["num_layers"] != 1 or a["bidirectional"] or a["proj_size"]:
        raise ExportError(f"{node}: several layers or directions at once, or a projection; expected one layer")
    x, h, c, weights = map(to.name, node.inputs[:4])
    inputs, hidden = a["input_size"], a["hidden_size"]
    row = to.add("Reshape", weights, to.constant([-1], np.int64))
    first, parts = 0, []
    for width in (inputs, hidden, *([1] if a["has_bias"] else [])):
        last = first + 4 * hidden * width
        part = to.add("Slice", row, to.constant([first], np.int64), to.constant([last], np.int64))
        gates = to.add("Reshape", part, to.constant([4, hidden, width], np.int64))
        gates = to.add("Gather", gates, to.constant([0, 3, 1, 2], np.int64), axis=0)  # ONNX: i o f c
        parts.append((gates, width))
        first = last
    shaped = [to.add("Reshape", g, to.constant([1, 4 * hidden, width], np.int64)) for g, width in parts[:2]]
    bias = ""
    if a["has_bias"]:
        once = to.add("Reshape", parts[2][0], to.constant([1, 4 * hidden], np.int64))
        none = to.constant(np.zeros((1, 4 * hidden)), node.output[0].dtype)
        bias = to.add("Concat", once, none, axis=1)
    y, last_h, last_c = to.add("LSTM", x, *shaped, bias, "", h, c, hidden_size=hidden, outputs=3)
    return to.add("Squeeze", y, to.constant([1], np.int64)), last_h, last_c


_UNARY = {
    **{name: name for name in ("Abs", "Ceil", "Cos", "Erf", "Exp", "Floor", "Log", "Neg", "Reciprocal", "Sigmoid")},
    **{"Sign": "Sign", "Sin": "Sin", "Sqrt": "Sqrt", "Tanh": "Tanh", "ReLU": "Relu", "LogicalNot": "Not"},
}
_BINARY = {
    **{name: name for name in ("Add", "Sub", "Mul", "Div", "Pow", "Equal", "Less", "Greater")},
    **{"Adds": "Add", "Subs": "Sub", "Muls": "Mul", "Divs": "Div", "RealDiv": "Div"},
    **{"Maximum": "Max", "Minimum": "Min", "LessEqual": "LessOrEqual", "GreaterEqual": "GreaterOrEqual"},
    **{"EqScalar": "Equal", "LessScalar": "Less", "GreaterEqualScalar": "GreaterOrEqual"},
    **{"LogicalAnd": "And", "LogicalOr": "Or"},
}
_REDUCTIONS = {
    **{name: name for name in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd")},
    **{"MeanExt": "ReduceMean", "SumExt": "ReduceSum", "ProdExt": "ReduceProd"},
}

OPERATORS: Mapping[str, Callable[[Writer, Node], str | tuple[str, ...]]] = {
    **{name: _unary(operator) for name, operator in _UNARY.items()},
    **{name: _binary(operator) for name, operator in _BINARY.items()},
    **{name: _reduce(operator) for name, operator in _REDUCTIONS.items()},
    "Atan2": _atan2,
    "AvgPool": _average_pool,
    "BatchMatMul": _matmul,
    "BatchNorm": _batch_norm,
    "BiasAdd": _bias_add,
    "BroadcastTo": _broadcast_to,
    "Cast": _cast,
    "Concat": _concat,
    "Conv2D": _convolution(2),
    "Conv3D": _convolution(3),
    "Elu": _elu,
    "ExpandDims": _expand_dims,
    "Gather": _gather,
    "LSTM": _lstm,
    "LayerNorm": _layer_norm,
    "MatMul": _matmul,
    "MatMulExt": _matmul,
    "MaxPool": _max_pool,
    "MaxPool3DWithArgmax": _max_pool_3d,
    "Reshape": _reshape,
    "ReverseV2": _reverse,
    "Rsqrt": _rsqrt,
    "Select": _select,
    "Softmax": _softmax,
    "Split": _split,
    "Square": _square,
    "Squeeze": _squeeze,
    "Stack": _stack,
    "StridedSlice": _strided_slice,
    "Tile": _tile,
    "Transpose": _transpose,
    "TupleGetItem": _item,
}
"""By MindSpore's name."""

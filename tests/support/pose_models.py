"""Small ONNX pose models whose answer is known: they point at coloured blobs, or always say the same.

Joints 0 to 5 follow the red channel of the input, 6 to 11 the green, 12 to 16 the blue, as the model gets them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

CHANNEL = np.repeat([0, 1, 2], [6, 6, 5])
"""[17] the input channel each joint follows."""
_KERNEL = 9


def write_heatmap_model(path: Path, height: int | str, width: int | str, *, half: bool = False) -> Path:
    """Heat maps a quarter as large as the input; cell k is the blurred input at pixel index 4 k."""
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    shapes = {"heatmaps": [1, 17, "rows", "columns"]}
    return _write(path, [_follow("heatmaps", 4)], _image(height, width, kind), shapes, kind)


def write_simcc_model(path: Path, height: int | str, width: int | str, *, split: int = 2) -> Path:
    """SimCC outputs: bin i along x stands for pixel index i / split of the input."""
    nodes = [_follow("map", 1)]
    for name, axis in (("simcc_x", 2), ("simcc_y", 3)):
        nodes += [
            helper.make_node("ReduceMax", ["map"], [f"{name}_line"], axes=[axis], keepdims=0),
            helper.make_node("Unsqueeze", [f"{name}_line", "last"], [f"{name}_column"]),
            helper.make_node("Tile", [f"{name}_column", "repeats"], [f"{name}_pairs"]),
            helper.make_node("Reshape", [f"{name}_pairs", "line"], [name]),
        ]
    constants = {"last": [3], "repeats": [1, 1, 1, split], "line": [0, 17, -1]}
    shapes = {"simcc_x": [1, 17, "x"], "simcc_y": [1, 17, "y"]}
    return _write(path, nodes, _image(height, width, TensorProto.FLOAT), shapes, TensorProto.FLOAT, constants)


def write_constant_model(path: Path, height: int, width: int, outputs: dict[str, np.ndarray]) -> Path:
    """The same outputs for every input."""
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value, np.float32)))
        for name, value in outputs.items()
    ]
    shapes = {name: list(np.shape(value)) for name, value in outputs.items()}
    return _write(path, nodes, _image(height, width, TensorProto.FLOAT), shapes, TensorProto.FLOAT)


def blob_frame(height: int, width: int, points: np.ndarray) -> np.ndarray:
    """A black frame with a soft red, green and blue blob.

    Args:
        height: of the frame.
        width: of the frame.
        points: [3 2] x, y, continuous pixels.
    """
    y, x = np.mgrid[:height, :width] + 0.5
    spread = 0.02 * max(height, width) + 0.7
    blobs = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * spread**2)) for px, py in points]
    return (255 * np.stack(blobs, axis=-1)).astype(np.uint8)


def _follow(output: str, stride: int):
    pads = [_KERNEL // 2] * 4
    return helper.make_node("Conv", ["image", "weights"], [output], strides=[stride, stride], pads=pads)


def _image(height: int | str, width: int | str, kind: int):
    return helper.make_tensor_value_info("image", kind, [1, 3, height, width])


def _write(path: Path, nodes, image, outputs: dict[str, list], kind: int, constants=None) -> Path:
    y, x = np.mgrid[:_KERNEL, :_KERNEL] - _KERNEL // 2
    blur = np.exp(-(x**2 + y**2) / 8)
    weights = np.zeros((17, 3, _KERNEL, _KERNEL), np.float16 if kind == TensorProto.FLOAT16 else np.float32)
    weights[np.arange(17), CHANNEL] = blur / blur.sum()
    initial = [numpy_helper.from_array(weights, "weights")]
    initial += [numpy_helper.from_array(np.array(v, np.int64), name) for name, v in (constants or {}).items()]
    made = [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "pose", [image], made, initial), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    checker.check_model(model)
    save(model, str(path))
    return path

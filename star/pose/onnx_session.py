"""ONNX files in onnxruntime: one thread, and what is wrong with a file as one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from star.errors import DataError, StarError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


def open_session(model: Path) -> InferenceSession:
    """Load an ONNX file for the CPU with one thread.

    Raises:
        StarError: onnxruntime is not installed.
        DataError: the file is missing, cannot be loaded, or its input is not one image [n 3 h w].
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise StarError(
            "pose models in ONNX files need the package onnxruntime, which is not installed: "
            "pip install 'star-vvi-reid[pose]'"
        ) from error
    if not model.is_file():
        raise DataError(f"pose model {model} is missing: expected an .onnx file")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base below Exception
        reason = str(error).splitlines()[0]
        raise DataError(f"pose model {model} cannot be loaded ({reason}): expected an .onnx file") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _DTYPES:
        given = ", ".join(f"{i.name} {i.shape} {i.type}" for i in inputs)
        raise DataError(f"pose model {model}: inputs {given}; expected one image [n 3 h w] of floats")
    batch, channels = inputs[0].shape[:2]
    if batch in range(2, 1 << 30) or (isinstance(channels, int) and channels != 3):
        raise DataError(f"pose model {model}: input {inputs[0].shape}, expected [n 3 h w] with n = 1 or open")
    return session


def input_size(session: InferenceSession, model: Path, given: tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) of the model's input: what the file says, or `given` where it leaves them open.

    Raises:
        DataError: neither says it, or they contradict each other.
    """
    height, width = session.get_inputs()[0].shape[2:]
    if isinstance(height, int) and isinstance(width, int):
        if given not in (None, (height, width)):
            raise DataError(f"pose.input_size: given {list(given or ())}, but {model} takes [{height}, {width}]")
        return height, width
    if given is None:
        raise DataError(f"pose model {model} leaves its input size open: give pose.input_size=[HEIGHT,WIDTH]")
    return given


def run(session: InferenceSession, image: np.ndarray) -> list[np.ndarray]:
    """All outputs for one image [h w 3] of floats."""
    taken = session.get_inputs()[0]
    batch = np.ascontiguousarray(image.transpose(2, 0, 1)[None], _DTYPES[taken.type])
    return [np.asarray(output, np.float32) for output in session.run(None, {taken.name: batch})]

"""MoveNet SinglePose Lightning as a TensorFlow Lite file (Apache-2.0, TensorFlow Hub), run by ai-edge-litert."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from star.errors import DataError, StarError


class MoveNet:
    """A small single-person estimator; gives the 17 COCO joints.

    The crop is letterboxed (scaled to fit, centred on black) into the model's square input.

    Args:
        model: the .tflite file.
        threads: of the runtime.

    Attributes:
        name: file name of the model without suffix.

    Raises:
        StarError: ai-edge-litert is not installed.
        DataError: the file is missing or no such model.
    """

    def __init__(self, model: Path, *, threads: int = 1):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise StarError(
                "MoveNet needs the package ai-edge-litert, which is not installed: pip install 'star-vvi-reid[pose]'"
            ) from error
        if not model.is_file():
            raise DataError(f"pose model {model} is missing: expected the .tflite file of MoveNet SinglePose Lightning")
        try:
            self._interpreter = Interpreter(model_path=str(model), num_threads=threads)
            self._interpreter.allocate_tensors()
            self._input = self._interpreter.get_input_details()[0]
            self._output = self._interpreter.get_output_details()[0]
        except (ValueError, RuntimeError) as error:
            raise DataError(f"pose model {model} cannot be loaded ({error}): expected a .tflite file") from error
        shape, dtype = tuple(self._input["shape"]), self._input["dtype"]
        if (
            len(shape) != 4
            or shape[1] != shape[2]
            or dtype != np.uint8
            or tuple(self._output["shape"]) != (1, 1, 17, 3)
        ):
            raise DataError(
                f"pose model {model}: input {shape} {np.dtype(dtype).name}, output {tuple(self._output['shape'])}; "
                "expected [1 s s 3] uint8 and [1 1 17 3] (y, x, score)"
            )
        self._side = int(shape[1])
        self.name = model.stem

    def estimate(self, frame: np.ndarray) -> np.ndarray:
        """Find the joints of the one person in a crop.

        Args:
            frame: [h w 3] uint8, RGB.

        Returns:
            [j 3] float32: x, y in pixels of the frame (may lie outside), confidence in 0..1.
        """
        height, width = frame.shape[:2]
        scale = self._side / max(height, width)
        rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
        top, left = (self._side - rows) // 2, (self._side - columns) // 2
        square = np.zeros((1, self._side, self._side, 3), np.uint8)
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        square[0, top : top + rows, left : left + columns] = cv2.resize(
            frame, (columns, rows), interpolation=interpolation
        )
        self._interpreter.set_tensor(self._input["index"], square)
        self._interpreter.invoke()
        y, x, score = self._interpreter.get_tensor(self._output["index"])[0, 0].T
        return np.stack(
            [(x * self._side - left) * width / columns, (y * self._side - top) * height / rows, score], axis=1
        ).astype(np.float32)

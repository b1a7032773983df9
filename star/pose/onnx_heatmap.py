"""Any top-down ONNX model with COCO heat maps, e.g. HRNet-w48 exported from MMPose (docs/skeletons.md).

Crop, heat map cells and the quarter shift are those of MMPose's `TopdownAffine` and `MSRAHeatmap`: cell k of a heat map
a quarter as large as the input stands for input pixel index 4 k.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from star.errors import DataError
from star.pose import onnx_session
from star.pose.crop import crop_frame
from star.types import NUMBER_OF_JOINTS


class OnnxHeatmap:
    """A heat map estimator for one person.

    Args:
        model: the .onnx file: one image [n 3 h w] to heat maps [n 17 rows columns].
        input_size: (height, width), only for files that leave it open.
        mean: subtracted, on the scale 0..255, in the model's channel order.
        std: divided by, likewise.
        channel_order: of the model's input, "rgb" or "bgr".
        padding: factor by which the box is larger than the frame.

    Attributes:
        name: file name of the model without suffix.

    Raises:
        StarError: onnxruntime is not installed.
        DataError: the file is missing or no such model.
    """

    def __init__(
        self,
        model: Path,
        *,
        input_size: tuple[int, int] | None = None,
        mean: tuple[float, float, float] = (123.675, 116.28, 103.53),
        std: tuple[float, float, float] = (58.395, 57.12, 57.375),
        channel_order: str = "rgb",
        padding: float = 1.25,
    ):
        self._session = onnx_session.open_session(model)
        self._size = onnx_session.input_size(self._session, model, input_size)
        self._mean, self._std = np.array(mean, np.float32), np.array(std, np.float32)
        self._step = -1 if channel_order == "bgr" else 1
        self._padding = padding
        self.name = model.stem
        shapes = [output.shape for output in onnx_session.run(self._session, np.zeros((*self._size, 3), np.float32))]
        if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][:2] != (1, NUMBER_OF_JOINTS):
            raise DataError(
                f"pose model {model}: outputs {', '.join(map(str, shapes))}, expected heat maps "
                f"[1 {NUMBER_OF_JOINTS} rows columns] of the COCO joints"
            )

    def estimate(self, frame: np.ndarray) -> np.ndarray:
        """Find the joints of the one person in a crop.

        Args:
            frame: [h w 3] uint8, RGB.

        Returns:
            [j 3] float32: x, y in pixels of the frame (may lie outside), confidence in 0..1, the peak of the heat map.
        """
        height, width = self._size
        crop = crop_frame(frame, height, width, self._padding)
        image = (crop.image[..., :: self._step].astype(np.float32) - self._mean) / self._std
        (heatmaps,) = onnx_session.run(self._session, image)
        cells, peaks = decode_heatmaps(heatmaps[0])
        points = crop.to_frame(cells * (width / heatmaps.shape[3], height / heatmaps.shape[2]))
        return np.concatenate([points, peaks.clip(0, 1)[:, None]], axis=1, dtype=np.float32)


def decode_heatmaps(heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The peaks, each moved by a quarter of a cell towards the higher neighbour along both axes.

    Unlike in MMPose, which leaves out a row and a column more at one side, the shift is done wherever both neighbours
    exist.

    Args:
        heatmaps: [j rows columns].

    Returns:
        ([j 2] x, y in cells, [j] the values at the peaks).
    """
    joints, rows, columns = heatmaps.shape
    highest = heatmaps.reshape(joints, -1).argmax(axis=1)
    every = np.arange(joints)
    y, x = np.divmod(highest, columns)
    cells = np.stack([x, y], axis=1).astype(np.float64)
    inner = (x > 0) & (x < columns - 1)
    j = every[inner]
    cells[inner, 0] += 0.25 * np.sign(heatmaps[j, y[inner], x[inner] + 1] - heatmaps[j, y[inner], x[inner] - 1])
    inner = (y > 0) & (y < rows - 1)
    j = every[inner]
    cells[inner, 1] += 0.25 * np.sign(heatmaps[j, y[inner] + 1, x[inner]] - heatmaps[j, y[inner] - 1, x[inner]])
    return cells, heatmaps[every, y, x]

"""RTMPose (Jiang et al. 2023): preparation and SimCC decoding of rtmlib (Apache-2.0), run by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from star.errors import DataError, StarError
from star.pose import onnx_session
from star.types import NUMBER_OF_JOINTS

_COCO_FIRST = (NUMBER_OF_JOINTS, 26, 133)
"""Joint sets that begin with COCO's 17: COCO, Halpe with feet, COCO-WholeBody."""
_MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class RtmPose:
    """A SimCC estimator for one person.

    rtmlib is given RGB frames: the models were trained on RGB, to which its mean and deviation belong.

    Args:
        model: the .onnx file: one image [n 3 h w] to simcc_x [n j 2w] and simcc_y [n j 2h].
        input_size: (height, width), only for files that leave it open.

    Attributes:
        name: file name of the model without suffix.

    Raises:
        StarError: rtmlib or onnxruntime is not installed.
        DataError: the file is missing or no such model.
    """

    def __init__(self, model: Path, *, input_size: tuple[int, int] | None = None):
        _require_rtmlib()
        from rtmlib import RTMPose

        class SingleThreaded(RTMPose):
            """With a session of one thread instead of its own."""

            def __init__(self, session: Any, size: tuple[int, int]):
                self.session = session
                self.model_input_size = size
                self.mean, self.std = _MEAN, _STD
                self.backend, self.to_openpose = "onnxruntime", False

        session = onnx_session.open_session(model)
        height, width = onnx_session.input_size(session, model, input_size)
        self._estimator = SingleThreaded(session, (width, height))
        self.name = model.stem
        outputs = self._estimator.inference(np.zeros((height, width, 3), np.float32))
        shapes = [np.shape(output) for output in outputs]
        joints = {shape[1] for shape in shapes if len(shape) == 3 and shape[0] == 1}
        if len(shapes) != 2 or len(joints) != 1 or not joints <= set(_COCO_FIRST):
            raise DataError(
                f"pose model {model}: outputs {', '.join(map(str, shapes))}, expected simcc_x [1 j x] and "
                f"simcc_y [1 j y] of j = {', '.join(map(str, _COCO_FIRST))} joints"
            )
        self._split = shapes[0][2] / width
        if self._split != shapes[1][2] / height:
            raise DataError(
                f"pose model {model}: {shapes[0][2]} steps along x and {shapes[1][2]} along y do not divide an input "
                f"of {width} x {height} alike; expected a SimCC model (for heat maps there is pose=onnx_heatmap)"
            )

    def estimate(self, frame: np.ndarray) -> np.ndarray:
        """Find the joints of the one person in a crop.

        Args:
            frame: [h w 3] uint8, RGB.

        Returns:
            [j 3] float32: x, y in pixels of the frame (may lie outside), confidence in 0..1, the mean of both peaks.
        """
        height, width = frame.shape[:2]
        image, center, scale = self._estimator.preprocess(frame, [0, 0, width, height])
        outputs = self._estimator.inference(image)
        points, peaks = self._estimator.postprocess(outputs, center, scale, simcc_split_ratio=self._split)
        points, peaks = points[0, :NUMBER_OF_JOINTS] + 0.5, peaks[0, :NUMBER_OF_JOINTS]  # + 0.5: index to continuous
        return np.concatenate([points, peaks.clip(0, 1)[:, None]], axis=1, dtype=np.float32)


def download_rtmpose(variant: str) -> Path:
    """The file of a model rtmlib knows, downloaded into rtmlib's cache unless it is there.

    Args:
        variant: "lightweight", "balanced" or "performance".

    Raises:
        StarError: rtmlib is not installed, or the download failed.
    """
    _require_rtmlib()
    from rtmlib import Body
    from rtmlib.tools.file import download_checkpoint

    try:
        return Path(download_checkpoint(Body.MODE[variant]["pose"]))
    except Exception as error:  # network, archive and file errors have no common base below Exception
        raise StarError(
            f"the RTMPose model {variant!r} cannot be downloaded by rtmlib ({error}); give a local ONNX file as "
            "pose.model=FILE"
        ) from error


def _require_rtmlib() -> None:
    try:
        import rtmlib  # noqa: F401
    except ImportError as error:
        raise StarError(
            "RTMPose needs the package rtmlib, which is not installed: pip install 'star-vvi-reid[pose]'"
        ) from error

"""OpenCV stays usable where other packages install wheels that share its folder."""

from importlib.metadata import distributions

import cv2
import numpy as np


def test_all_installed_opencv_wheels_have_one_version():
    wheels = {
        d.metadata["Name"]: d.version for d in distributions() if (d.metadata["Name"] or "").startswith("opencv-")
    }
    assert "opencv-python-headless" in wheels
    assert len(set(wheels.values())) == 1, wheels


def test_opencv_encodes_decodes_and_warps():
    frame = np.full((24, 16, 3), 128, np.uint8)
    written, data = cv2.imencode(".jpg", frame)
    assert written
    read = cv2.imdecode(data, cv2.IMREAD_COLOR)
    shifted = cv2.warpAffine(read, np.array([[1, 0, 2], [0, 1, 0]], np.float32), (16, 24))
    np.testing.assert_allclose(shifted[:, 4:], frame[:, 4:], atol=2)
    assert not shifted[:, :2].any()

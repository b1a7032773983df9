import numpy as np
import pytest

from star.pose.crop import crop_frame


@pytest.mark.parametrize("size", [(128, 64), (97, 53), (61, 200), (300, 31), (33, 33), (481, 101), (24, 12)])
@pytest.mark.parametrize("model", [(256, 192), (384, 288), (192, 256)])
def test_the_crop_is_that_of_mmpose(size, model):
    """rtmlib's preparation is MMPose's, taken over line by line."""
    preparation = pytest.importorskip("rtmlib.tools.pose_estimation.pre_processings")
    (height, width), (rows, columns) = size, model
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    center, scale = preparation.bbox_xyxy2cs(np.array([0, 0, width, height]), padding=1.25)
    expected, scale = preparation.top_down_affine((columns, rows), scale, center, frame)
    crop = crop_frame(frame, rows, columns, 1.25)
    assert crop.image.shape == (rows, columns, 3)
    assert np.abs(crop.image.astype(int) - expected).max() <= 1
    points = np.random.default_rng(1).uniform(0, (columns, rows), (17, 2))
    assert np.allclose(crop.to_frame(points), points / (columns, rows) * scale + center - scale / 2 + 0.5)


def test_the_frame_lies_in_the_middle_on_black():
    crop = crop_frame(np.full((100, 20, 3), 255, np.uint8), 256, 192, 1.28)
    light = crop.image[..., 0] > 127
    rows, columns = (np.flatnonzero(light.any(axis=axis))[[0, -1]] for axis in (1, 0))
    assert np.abs(rows - (28, 226)).max() <= 1 and np.abs(columns - (76, 114)).max() <= 1
    assert not crop.image[:20].any() and not crop.image[:, :60].any()

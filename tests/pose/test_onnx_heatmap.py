import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from support.pose_models import CHANNEL, blob_frame, write_constant_model, write_heatmap_model

from star.errors import DataError, StarError
from star.pose.onnx_heatmap import OnnxHeatmap, decode_heatmaps

SIZES = [(128, 64), (97, 53), (61, 200), (300, 31), (33, 33), (481, 101), (24, 12)]
PLAIN: dict[str, Any] = {"mean": (0, 0, 0), "std": (255, 255, 255)}
INPUT = (256, 192)


def cell(height: int, width: int, padding: float = 1.25) -> float:
    """Pixels of the frame in a heat map cell of a 256 x 192 model."""
    return 4 * padding * max(height / INPUT[0], width / INPUT[1])


@pytest.fixture(scope="module")
def follower(tmp_path_factory):
    return write_heatmap_model(tmp_path_factory.mktemp("onnx") / "follower.onnx", *INPUT)


@pytest.mark.parametrize("size", SIZES)
def test_a_blob_comes_back_where_it_was(follower, size):
    height, width = size
    estimator = OnnxHeatmap(follower, **PLAIN)
    rng = np.random.default_rng(height)
    for _ in range(5):
        points = rng.uniform(0.1, 0.9, (3, 2)) * (width, height)
        joints = estimator.estimate(blob_frame(height, width, points))
        assert joints.shape == (17, 3) and joints.dtype == np.float32
        assert np.abs(joints[:, :2] - points[CHANNEL]).max() < 0.75 * cell(height, width)
        assert (joints[:, 2] > 0.2).all()


def test_blobs_in_the_corners_come_back(follower):
    estimator = OnnxHeatmap(follower, **PLAIN)
    points = np.array([(0.5, 0.5), (52.5, 0.5), (0.5, 96.5)])
    joints = estimator.estimate(blob_frame(97, 53, points))
    assert np.abs(joints[:, :2] - points[CHANNEL]).max() < cell(97, 53)


def test_padding_changes_the_crop_and_not_the_place(follower):
    points = np.array([(10.0, 20.0), (30.0, 50.0), (45.0, 90.0)])
    for padding in (1.0, 1.6):
        joints = OnnxHeatmap(follower, padding=padding, **PLAIN).estimate(blob_frame(97, 53, points))
        assert np.abs(joints[:, :2] - points[CHANNEL]).max() < 0.75 * cell(97, 53, padding)


def test_channel_order_mean_and_std_are_what_the_model_gets(follower):
    frame = np.zeros((256, 192, 3), np.uint8)
    frame[...] = (200, 100, 50)
    plain = OnnxHeatmap(follower, padding=1.0, mean=(10, 20, 30), std=(200, 100, 50)).estimate(frame)
    assert np.allclose(plain[:, 2], np.array([0.95, 0.8, 0.4])[CHANNEL], atol=0.01)
    swapped = OnnxHeatmap(follower, padding=1.0, channel_order="bgr", mean=(10, 20, 30), std=(200, 100, 500))
    assert np.allclose(swapped.estimate(frame)[:, 2], np.array([0.2, 0.8, 0.34])[CHANNEL], atol=0.01)


def test_half_precision_models(tmp_path):
    estimator = OnnxHeatmap(write_heatmap_model(tmp_path / "half.onnx", *INPUT, half=True), **PLAIN)
    points = np.array([(10.0, 20.0), (30.0, 50.0), (45.0, 90.0)])
    joints = estimator.estimate(blob_frame(97, 53, points))
    assert np.abs(joints[:, :2] - points[CHANNEL]).max() < 0.75 * cell(97, 53)


def test_the_peak_moves_a_quarter_towards_the_higher_neighbour():
    heatmaps = np.zeros((5, 8, 6), np.float32)
    heatmaps[0, 3, 2], heatmaps[0, 3, 3], heatmaps[0, 2, 2] = 0.9, 0.5, 0.4
    heatmaps[1, 4, 4], heatmaps[1, 4, 3], heatmaps[1, 5, 4] = 0.8, 0.1, 0.2
    heatmaps[2, 5, 3] = 0.7
    heatmaps[3, 0, 5] = 0.6
    heatmaps[4, 7, 1], heatmaps[4, 7, 0] = 0.5, 0.3
    cells, peaks = decode_heatmaps(heatmaps)
    assert cells.tolist() == [[2.25, 2.75], [3.75, 4.25], [3, 5], [5, 0], [0.75, 7]]
    assert np.allclose(peaks, [0.9, 0.8, 0.7, 0.6, 0.5])


def test_known_heat_maps_give_known_joints(tmp_path):
    heatmaps = np.full((1, 17, 64, 48), -0.1, np.float32)
    heatmaps[0, np.arange(17), np.arange(17) + 20, np.arange(17) + 10] = np.linspace(0.1, 1.3, 17)
    heatmaps[0, 16] = -0.1
    model = write_constant_model(tmp_path / "constant.onnx", *INPUT, {"heatmaps": heatmaps})
    estimator = OnnxHeatmap(model)
    assert estimator.name == "constant"
    joints = estimator.estimate(np.zeros((128, 64, 3), np.uint8))
    scale = 256 / 128 / 1.25
    expected = np.stack(
        [(4 * (np.arange(17) + 10) - 96) / scale + 32.5, (4 * (np.arange(17) + 20) - 128) / scale + 64.5]
    )
    assert np.allclose(joints[:16, :2], expected.T[:16], atol=1e-4)
    assert np.allclose(joints[:, 2], np.minimum(np.linspace(0.1, 1.3, 17), 1) * (np.arange(17) < 16))


def test_an_open_input_size_must_be_given(tmp_path):
    model = write_heatmap_model(tmp_path / "open.onnx", "h", "w")
    with pytest.raises(DataError, match=r"give pose\.input_size=\[HEIGHT,WIDTH\]"):
        OnnxHeatmap(model)
    points = np.array([(10.0, 20.0), (30.0, 50.0), (45.0, 90.0)])
    joints = OnnxHeatmap(model, input_size=INPUT, **PLAIN).estimate(blob_frame(97, 53, points))
    assert np.abs(joints[:, :2] - points[CHANNEL]).max() < 0.75 * cell(97, 53)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"heatmaps": np.zeros((1, 18, 64, 48))}, r"outputs \(1, 18, 64, 48\), expected heat maps \[1 17"),
        ({"a": np.zeros((1, 17, 384)), "b": np.zeros((1, 17, 512))}, "expected heat maps"),
    ],
)
def test_other_models_are_refused(tmp_path, outputs, message):
    with pytest.raises(DataError, match=message):
        OnnxHeatmap(write_constant_model(tmp_path / "other.onnx", *INPUT, outputs))


def test_files_that_are_no_model(tmp_path):
    with pytest.raises(DataError, match=r"none\.onnx is missing"):
        OnnxHeatmap(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(DataError, match=r"bad\.onnx cannot be loaded"):
        OnnxHeatmap(tmp_path / "bad.onnx")
    with pytest.raises(DataError, match=r"given \[64, 64\], but .* takes \[256, 192\]"):
        OnnxHeatmap(write_heatmap_model(tmp_path / "m.onnx", *INPUT), input_size=(64, 64))


def test_missing_runtime_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(StarError, match=r"pip install 'star-vvi-reid\[pose\]'"):
        OnnxHeatmap(tmp_path / "model.onnx")

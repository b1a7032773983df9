import sys

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("rtmlib")

from support.pose_models import CHANNEL, blob_frame, write_constant_model, write_heatmap_model, write_simcc_model

from star.errors import DataError, StarError
from star.pose.rtmpose import RtmPose, download_rtmpose

SIZES = [(128, 64), (97, 53), (61, 200), (300, 31), (33, 33), (481, 101), (24, 12)]
INPUT = (256, 192)
POINTS = np.array([(10.0, 20.0), (30.0, 50.0), (45.0, 90.0)])


@pytest.fixture(scope="module")
def follower(tmp_path_factory):
    return write_simcc_model(tmp_path_factory.mktemp("onnx") / "follower.onnx", *INPUT)


def pixel(height: int, width: int) -> float:
    """Pixels of the frame in a pixel of the model's input."""
    return 1.25 * max(height / INPUT[0], width / INPUT[1])


@pytest.mark.parametrize("size", SIZES)
def test_a_blob_comes_back_where_it_was(follower, size, capsys):
    height, width = size
    estimator = RtmPose(follower)
    rng = np.random.default_rng(height)
    for _ in range(5):
        points = rng.uniform(0.1, 0.9, (3, 2)) * (width, height)
        joints = estimator.estimate(blob_frame(height, width, points))
        assert joints.shape == (17, 3) and joints.dtype == np.float32
        assert np.abs(joints[:, :2] - points[CHANNEL]).max() < max(1.5 * pixel(height, width), 0.6)
        assert (joints[:, 2] >= 0).all() and (joints[:, 2] <= 1).all()
    assert capsys.readouterr().out == ""


def test_blobs_in_the_corners_come_back(follower):
    points = np.array([(0.5, 0.5), (52.5, 0.5), (0.5, 96.5)])
    joints = RtmPose(follower).estimate(blob_frame(97, 53, points))
    assert np.abs(joints[:, :2] - points[CHANNEL]).max() < 4 * pixel(97, 53)


@pytest.mark.parametrize("split", [1, 2, 3])
def test_the_split_ratio_is_that_of_the_file(tmp_path, split):
    estimator = RtmPose(write_simcc_model(tmp_path / "model.onnx", 384, 288, split=split))
    joints = estimator.estimate(blob_frame(97, 53, POINTS))
    assert np.abs(joints[:, :2] - POINTS[CHANNEL]).max() < 0.6


def test_an_open_input_size_must_be_given(tmp_path):
    model = write_simcc_model(tmp_path / "open.onnx", "h", "w")
    with pytest.raises(DataError, match=r"give pose\.input_size=\[HEIGHT,WIDTH\]"):
        RtmPose(model)
    joints = RtmPose(model, input_size=(320, 160)).estimate(blob_frame(97, 53, POINTS))
    assert np.abs(joints[:, :2] - POINTS[CHANNEL]).max() < 0.6


@pytest.mark.parametrize("joints", [17, 26, 133])
def test_known_outputs_give_known_joints(tmp_path, joints):
    x, y = np.zeros((1, joints, 384)), np.zeros((1, joints, 512))
    every = np.arange(joints)
    x[0, every, 100 + every], y[0, every, 200 + every] = 0.9, 0.5
    x[0, 3], y[0, 3] = -0.2, -0.1
    x[0, 4], y[0, 4] = 0, 0
    x[0, 4, 7], y[0, 4, 9] = 1.8, 1.6
    model = write_constant_model(tmp_path / "constant.onnx", *INPUT, {"simcc_x": x, "simcc_y": y})
    found = RtmPose(model).estimate(np.zeros((128, 64, 3), np.uint8))
    scale = 256 / 128 / 1.25
    assert found.shape == (17, 3)
    expected = np.stack([((100 + every) / 2 - 96) / scale + 32.5, ((200 + every) / 2 - 128) / scale + 64.5], axis=1)
    sure = [j for j in range(17) if j not in (3, 4)]
    assert np.allclose(found[sure, :2], expected[sure], atol=1e-4)
    assert np.allclose(found[sure, 2], 0.7) and found[3, 2] == 0 and found[4, 2] == 1


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"x": np.zeros((1, 21, 384)), "y": np.zeros((1, 21, 512))}, "of j = 17, 26, 133 joints"),
        ({"x": np.zeros((1, 17, 384)), "y": np.zeros((1, 17, 256))}, "do not divide an input of 192 x 256 alike"),
        ({"x": np.zeros((1, 17, 384))}, "expected simcc_x"),
    ],
)
def test_other_models_are_refused(tmp_path, outputs, message):
    with pytest.raises(DataError, match=message):
        RtmPose(write_constant_model(tmp_path / "other.onnx", *INPUT, outputs))


def test_heat_map_models_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"outputs \(1, 17, 64, 48\), expected simcc_x"):
        RtmPose(write_heatmap_model(tmp_path / "heat.onnx", *INPUT))


def test_a_download_that_fails_asks_for_a_file(monkeypatch, tmp_path):
    asked = []

    def refuse(url, *args, **kwargs):
        asked.append(url)
        raise OSError("no network")

    monkeypatch.setattr("rtmlib.tools.file.download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(StarError, match=r"'balanced' cannot be downloaded .*no network.*pose\.model=FILE"):
        download_rtmpose("balanced")
    assert "rtmpose-m" in asked[0]


def test_missing_runtime_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    with pytest.raises(StarError, match=r"rtmlib.*pip install 'star-vvi-reid\[pose\]'"):
        RtmPose(tmp_path / "model.onnx")

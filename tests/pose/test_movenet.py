import sys
from pathlib import Path

import numpy as np
import pytest

from star.data.decode import load_frame
from star.data.hitsz_vcm import read_hitsz_vcm
from star.errors import DataError, StarError
from star.pose.movenet import MoveNet

MODEL = Path("models") / "movenet_lightning_int8.tflite"


def test_missing_runtime_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(StarError, match=r"pip install 'star-vvi-reid\[pose\]'"):
        MoveNet(tmp_path / "model.tflite")


def test_model_files_that_are_none(tmp_path):
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(DataError, match=r"model\.tflite is missing"):
        MoveNet(tmp_path / "model.tflite")
    (tmp_path / "model.tflite").write_bytes(b"no model" * 20)
    with pytest.raises(DataError, match=r"model\.tflite cannot be loaded"):
        MoveNet(tmp_path / "model.tflite")


class _BrightestPoint:
    """In the place of the runtime: all joints at the middle of the brightest pixels of the input."""

    def __init__(self, model_path, num_threads):
        self._square = np.zeros((1, 192, 192, 3), np.uint8)

    def allocate_tensors(self):
        pass

    def get_input_details(self):
        return [{"index": 0, "shape": np.array([1, 192, 192, 3]), "dtype": np.uint8}]

    def get_output_details(self):
        return [{"index": 1, "shape": np.array([1, 1, 17, 3])}]

    def set_tensor(self, index, value):
        self._square = value

    def invoke(self):
        pass

    def get_tensor(self, index):
        light = self._square[0, ..., 0].astype(float) ** 2
        y, x = np.mgrid[:192, :192] + 0.5
        place = (y * light).sum() / light.sum() / 192, (x * light).sum() / light.sum() / 192
        return np.tile(np.array([*place, 0.9], np.float32), (1, 1, 17, 1))


@pytest.mark.parametrize("size", [(128, 64), (97, 53), (61, 200), (300, 31), (33, 33), (481, 101), (24, 12)])
def test_a_blob_comes_back_where_it_was(monkeypatch, tmp_path, size):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    monkeypatch.setattr(interpreter, "Interpreter", _BrightestPoint)
    (tmp_path / "model.tflite").touch()
    height, width = size
    model = MoveNet(tmp_path / "model.tflite")
    rng = np.random.default_rng(height)
    for point in rng.uniform(0.2, 0.8, (5, 2)) * (width, height):
        y, x = np.mgrid[:height, :width] + 0.5
        spread = 0.01 * max(size) + 0.5
        blob = 255 * np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * spread**2))
        joints = model.estimate(np.repeat(blob.astype(np.uint8)[..., None], 3, axis=2))
        assert np.abs(joints[:, :2] - point).max() < 0.5 * max(size) / 192 + 0.1


@pytest.mark.data
def test_people_are_found_in_real_crops(shared):
    pytest.importorskip("ai_edge_litert")
    data = read_hitsz_vcm(shared / "data" / "m3svd_vcm")
    model = MoveNet(shared / MODEL)
    found = {"visible": [], "infrared": []}
    upright = []
    for tracklet in data.train.tracklets[::3]:
        frame = load_frame(data.train.frames, tracklet.frames[3])
        joints = model.estimate(frame)
        assert joints.shape == (17, 3) and joints.dtype == np.float32
        found[tracklet.modality].append((joints[:, 2] >= 0.3).mean())
        head, hips, ankles = (joints[list(rows), 1].mean() / len(frame) for rows in ((0, 1, 2), (11, 12), (15, 16)))
        upright.append(head < hips < ankles)
        if np.median(joints[:, 2]) > 0.4:
            assert (joints[:, 0] > -10).all() and (joints[:, 0] < frame.shape[1] + 10).all()
    assert np.mean(found["visible"]) > 0.6 and np.mean(found["infrared"]) > 0.4
    assert np.mean(upright) > 0.9


@pytest.mark.data
def test_joints_follow_the_crop(shared):
    """A frame put on a larger black canvas gives the same joints, moved."""
    pytest.importorskip("ai_edge_litert")
    data = read_hitsz_vcm(shared / "data" / "m3svd_vcm")
    model = MoveNet(shared / MODEL)
    tracklet = next(t for t in data.train.tracklets if t.identity == 4 and t.modality == "visible")
    frame = load_frame(data.train.frames, tracklet.frames[0])
    height, width = frame.shape[:2]
    canvas = np.zeros((height, width + 40, 3), np.uint8)
    canvas[:, 25 : 25 + width] = frame
    joints, moved = model.estimate(frame), model.estimate(canvas)
    assert np.median(joints[:, 2]) > 0.4
    sure = (joints[:, 2] > 0.3) & (moved[:, 2] > 0.3)
    assert sure.sum() >= 8
    assert np.abs(moved[sure, :2] - joints[sure, :2] - [25, 0]).mean() < 0.03 * height

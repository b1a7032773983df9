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

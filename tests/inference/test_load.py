"""`star.load` and what it gives, on stored runs: features are those of the run's own evaluation."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.fake_estimator import Diagonal
from support.stored_runs import FEATURES, STORED

import star
from star.data.decode import read_frame
from star.data.hitsz_vcm import read_hitsz_vcm
from star.errors import CheckpointError, ConfigError, DataError, StarError
from star.inference.clips import frames_in
from star.inference.model import Model
from star.types import Split, VideoReIDData

GREY = np.full((2, 3, 40, 20, 3), 90, np.uint8)
"""Two clips of three frames."""
JOINTS = np.ones((3, 17, 3)) * [30.0, 20.0, 1.0]
"""Of one of them."""


@pytest.fixture(scope="module")
def data(root: Path) -> VideoReIDData:
    return read_hitsz_vcm(root)


def files_of(split: Split, tracklet: int) -> list[Path]:
    return [Path(split.frames.path) / f"{key}.jpg" for key in split.tracklets[tracklet].frames]


def joints_of(split: Split, tracklet: int) -> np.ndarray:
    assert split.skeletons is not None
    joints = [split.skeletons.read(key) for key in split.tracklets[tracklet].frames]
    return np.stack([found for found in joints if found is not None])


def stored_features(run: str, split: Split) -> np.ndarray:
    with np.load(STORED / run / FEATURES, allow_pickle=False) as kept:
        return kept[split.name]


def test_files_arrays_and_splits_have_the_features_of_the_run_s_evaluation(star_model: Model, data: VideoReIDData):
    for split in data.test_splits:
        expected = stored_features("star", split)
        files = [files_of(split, number) for number in range(len(split.tracklets))]
        joints = [joints_of(split, number) for number in range(len(split.tracklets))]
        arrays = [np.stack([read_frame(file) for file in clip]) for clip in files]
        for clips in (files, arrays):
            features = star_model.embed(clips, split.modality, joints)
            assert features.dtype == np.float32 and features.shape == (len(files), star_model.dim)
            np.testing.assert_allclose(features, expected, rtol=0, atol=1e-5)
        rest = np.concatenate(list(star_model.embed_split(split, start=2)))
        np.testing.assert_allclose(rest, expected[2:], rtol=0, atol=1e-5)


def test_a_model_says_what_it_is(star_model: Model, stored: Callable[[str], Path]):
    assert (star_model.frames, star_model.size, star_model.uses_joints) == (2, (32, 16), True)
    assert star_model.modalities == ("visible", "infrared")
    assert star_model.config["dataset"]["kind"] == "hitsz_vcm"
    assert "star: 2 x 32 x 16 -> 16, reads joints" in repr(star_model)
    again = star.load(str(stored("star") / "checkpoints" / "last.json"))
    assert again.fingerprint == star_model.fingerprint
    assert star.load(stored("star"), checkpoint="best").fingerprint != star_model.fingerprint


def test_the_data_set_is_not_needed_and_joints_only_where_they_are_read(stored: Callable[[str], Path], tmp_path: Path):
    folder = tmp_path / "alone"
    shutil.copytree(stored("baseline"), folder)
    config = folder / "config.yaml"
    text = config.read_text()
    gone = next(line for line in text.splitlines() if line.strip().startswith("root:"))
    config.write_text(text.replace(gone, "  root: /nowhere"))
    model = star.load(folder)
    features = model.embed(GREY, "infrared")
    assert features.shape == (2, model.dim) and not model.uses_joints
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(model.embed(GREY, "infrared", np.zeros(3)), features)


def test_a_folder_of_frames_is_read_in_the_order_of_their_numbers(star_model: Model, tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (11, 40, 20, 3), dtype=np.uint8)
    for number, frame in enumerate(pixels, 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), frame[..., ::-1])
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in frames_in(tmp_path)] == [f"{number}.png" for number in range(1, 12)]
    estimator = Diagonal()
    from_folder = star_model.embed([tmp_path], "visible", estimator)
    assert estimator.frames == 2, "joints are estimated for the frames that are used only"
    expected = star_model.embed(pixels[None], "visible", estimator)
    np.testing.assert_array_equal(from_folder, expected)
    from_estimates = np.stack([Diagonal().estimate(frame) for frame in pixels])[None]
    np.testing.assert_array_equal(star_model.embed(pixels[None], "visible", from_estimates), expected)


@pytest.mark.parametrize(
    ("clips", "modality", "joints", "message"),
    [
        (GREY, "thermal", None, "given 'thermal', expected one of 'visible', 'infrared'"),
        (GREY, "visible", None, "star reads skeletons, and clips has none: give joints"),
        ("folder", "visible", None, "given the one path folder, expected a list of clips"),
        (GREY[0], "visible", None, r"given uint8 \[3, 40, 20, 3\], expected uint8 \[n t h w 3\]"),
        (GREY.astype(np.float32), "visible", None, r"clip 0, frame 0: given float32 \[40, 20, 3\], expected uint8"),
        ([], "visible", None, "given none"),
        ({"a": GREY[0]}, "visible", None, "clips: given dict, expected an array or a list of clips"),
        (None, "visible", None, "clips: given NoneType"),
        (["nowhere"], "visible", None, "nowhere is no folder, expected one with the frames of a clip"),
        ([[]], "visible", None, "clip 0 has no frames"),
        ([3], "visible", None, "clip 0: given int"),
        (GREY[:, :, :0], "visible", None, r"given \[0, 20, 3\], expected at least one pixel"),
        ([["absent.png"]], "visible", Diagonal(), "frame absent.png is missing"),
        (GREY, "visible", np.zeros((1, 3, 17, 3)), "given for 1 clips, expected for 2"),
        (
            GREY,
            "visible",
            np.zeros((2, 2, 17, 3)),
            r"clip 0: given float64 \[2, 17, 3\], expected numbers \[3, 17, 3\]",
        ),
        (GREY, "visible", np.full((2, 3, 17, 3), 0.5), "no coordinate is larger than 0.5, expected pixels"),
        (GREY, "visible", np.stack([JOINTS, 0.01 * JOINTS]), "joints of clip 1: no coordinate is larger than 0.3"),
        (GREY, "visible", np.stack([JOINTS, JOINTS * [1, 1, 87]]), "joints of clip 1: confidence 87, expected 0..1"),
        (GREY, "visible", [JOINTS, [[1, 2], [3]]], "joints of clip 1: .*, expected numbers"),
        (GREY, "visible", {}, "joints: given dict, expected arrays, an estimator or its name"),
        (GREY, "visible", "guess", "given 'guess', expected arrays, an estimator, or one of movenet=FILE"),
    ],
)
def test_what_cannot_be_embedded_is_refused(star_model: Model, clips: Any, modality: Any, joints: Any, message: str):
    with pytest.raises(DataError, match=message):
        star_model.embed(clips, modality, joints)


def test_a_feature_that_is_not_finite_is_an_error(star_model: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(star_model, "_compute", lambda batch, modality: np.array([[1.0, 0.0], [np.nan, 0.0]]))
    with pytest.raises(DataError, match="clip 1: its feature is not finite; are the weights of <Model star"):
        star_model.embed(GREY, "visible", np.stack([JOINTS, JOINTS]))


def test_overrides_that_change_features_change_the_fingerprint(star_model: Model, stored: Callable[[str], Path]):
    for overrides, same in (
        (["hardware.loader_workers=3", "schedule.evaluation_batch=3"], True),
        (["backbone.mean=[0,0,0]"], False),
        (["dataset.frames=3"], False),
    ):
        assert (star.load(stored("star"), overrides=overrides).fingerprint == star_model.fingerprint) == same


def test_an_empty_folder_is_refused(star_model: Model, tmp_path: Path):
    with pytest.raises(DataError, match=f"folder {tmp_path} has no frames"):
        star_model.embed([tmp_path], "visible", Diagonal())


def test_what_is_no_model_is_refused(stored: Callable[[str], Path], tmp_path: Path):
    with pytest.raises(ConfigError, match="run: given nothing_here, expected a run folder"):
        star.load("nothing_here")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"notes.txt is no model, expected a run's folder"):
        star.load(tmp_path / "notes.txt")
    with pytest.raises(DataError, match=r"nowhere.onnx is missing, expected a model that star-export wrote"):
        star.load(tmp_path / "nowhere.onnx")
    with pytest.raises(DataError, match="overrides: given the text 'seed=1', expected a list of KEY=VALUE"):
        star.load(stored("baseline"), overrides="seed=1")
    with pytest.raises(CheckpointError, match="checkpoint has shape"):
        star.load(stored("baseline"), overrides=["backbone.width=4"])


def test_a_run_without_mindspore_is_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("star.inference.load.find_spec", lambda name: None)
    with pytest.raises(StarError, match=f"{tmp_path}: a run needs MindSpore, which is not installed; star-export"):
        star.load(tmp_path)

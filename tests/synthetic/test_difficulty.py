"""The identity is in the pixels and in the skeletons; how much of it carries over between the modalities.

`pytest -s -m slow tests/synthetic/test_difficulty.py` prints the scores that docs/synthetic.md gives of
`dataset=synthetic_easy`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from star.data.hitsz_vcm import read_hitsz_vcm
from star.synthetic import generate
from star.types import Split, Tracklet, VideoReIDData

pytestmark = pytest.mark.slow

CHANCE_BETWEEN, CHANCE_WITHIN = 7.0, 11.0
LENGTHS = ((5, 6), (11, 12), (5, 7), (7, 9), (11, 13), (13, 15), (5, 11), (0, 5))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, shipped: dict[str, Any]) -> VideoReIDData:
    return read_hitsz_vcm(generate(tmp_path_factory.mktemp("sets"), workers=2, **shipped))


@pytest.fixture(scope="module")
def easy(tmp_path_factory: pytest.TempPathFactory, shipped: dict[str, Any], project: Path) -> VideoReIDData:
    levels = yaml.safe_load((project / "conf/dataset/synthetic_easy.yaml").read_text())["generate"]
    return read_hitsz_vcm(generate(tmp_path_factory.mktemp("easy"), workers=2, **(shipped | levels)))


def _features(split: Split, feature: Callable[[Split, Tracklet], np.ndarray]) -> np.ndarray:
    return np.stack([feature(split, tracklet) for tracklet in split.tracklets])


def _pixels(split: Split, tracklet: Tracklet) -> np.ndarray:
    frames = [cv2.imread(str(split.frames.path / f"{key}.jpg")) for key in tracklet.frames[::4]]
    return cv2.resize(np.mean(frames, axis=0), (8, 16), interpolation=cv2.INTER_AREA).ravel()


def _mean_colour(split: Split, tracklet: Tracklet) -> np.ndarray:
    return _pixels(split, tracklet).reshape(-1, 3).mean(axis=0)


def _brightness(split: Split, tracklet: Tracklet) -> np.ndarray:
    return _pixels(split, tracklet).reshape(-1, 3) @ (0.114, 0.587, 0.299)


def _posture(split: Split, tracklet: Tracklet) -> np.ndarray:
    assert split.skeletons is not None
    found = [split.skeletons.read(key) for key in tracklet.frames]
    joints = np.stack([joints for joints in found if joints is not None])[..., :2]
    height = np.median(np.ptp(np.percentile(joints[..., 1], [3, 97], axis=1), axis=0))
    bones = np.stack([joints[:, a] - joints[:, b] for a, b in LENGTHS], axis=1) / height
    length, angle = np.linalg.norm(bones, axis=-1), np.arctan2(np.abs(bones[..., 0]), bones[..., 1])
    return np.concatenate([np.median(length, 0), np.percentile(length, 90, axis=0), np.median(angle, 0), angle.std(0)])


def _mean_average_precision(queries: Split, gallery: Split, q: np.ndarray, g: np.ndarray) -> float:
    """Percent; tracklets of the query's own camera are left out, as the ranking does within a modality."""
    q, g = (x - x.mean(axis=0) for x in (q, g))
    similarity = (q @ g.T) / np.linalg.norm(q, axis=1)[:, None] / np.linalg.norm(g, axis=1)
    precisions = []
    for tracklet, row in zip(queries.tracklets, similarity, strict=True):
        others = [i for i, t in enumerate(gallery.tracklets) if t.camera != tracklet.camera]
        order = sorted(others, key=lambda i: -row[i])
        hits = np.flatnonzero([gallery.tracklets[i].identity == tracklet.identity for i in order])
        precisions.append(np.mean(np.arange(1, len(hits) + 1) / (hits + 1)))
    return 100 * float(np.mean(precisions))


@pytest.mark.parametrize("feature", [_mean_colour, _pixels])
def test_colours_and_pixels_are_near_chance_between_the_modalities(data: VideoReIDData, feature):
    visible, infrared = _features(data.gallery, feature), _features(data.query, feature)
    for score in (
        _mean_average_precision(data.query, data.gallery, infrared, visible),
        _mean_average_precision(data.gallery, data.query, visible, infrared),
    ):
        assert score < 2 * CHANCE_BETWEEN


def test_pixels_are_far_above_chance_within_a_modality(data: VideoReIDData):
    for split in (data.gallery, data.query):
        pixels = _features(split, _pixels)
        assert _mean_average_precision(split, split, pixels, pixels) > 2 * CHANCE_WITHIN


def test_skeletons_tell_people_apart_between_the_modalities_but_not_perfectly(data: VideoReIDData):
    assert 2 * CHANCE_BETWEEN < _discriminant_score(data, _posture) < 60


def test_brightness_and_skeletons_carry_over_in_the_easy_set(easy: VideoReIDData):
    chance = 6.4
    infrared, visible = (_centred(_features(s, _brightness), s) for s in (easy.query, easy.gallery))
    scores = {
        "brightness": _mean_average_precision(easy.query, easy.gallery, infrared, visible),
        "brightness, linear discriminants": _discriminant_score(easy, _brightness),
        "skeletons, linear discriminants": _discriminant_score(easy, _posture),
    }
    print("".join(f"\n{name}: i2v mAP {score:.1f} (chance {chance})" for name, score in scores.items()))
    assert all(score > 2 * chance for score in scores.values())
    assert max(scores.values()) < 80


def _discriminant_score(data: VideoReIDData, feature: Callable[[Split, Tracklet], np.ndarray]) -> float:
    """mAP i2v of linear discriminants of a feature, learnt on the train identities."""
    train, infrared, visible = (_centred(_features(s, feature), s) for s in (data.train, data.query, data.gallery))
    labels = np.array([t.identity for t in data.train.tracklets])
    centres = np.stack([train[labels == i].mean(axis=0) for i in np.unique(labels)])
    within = np.cov((train - centres[np.searchsorted(np.unique(labels), labels)]).T)
    within += 0.3 * np.trace(within) / len(within) * np.eye(len(within))
    root = np.linalg.cholesky(np.linalg.inv(within))
    values, axes = np.linalg.eigh(root.T @ np.cov(centres.T) @ root)
    project = root @ axes * np.sqrt(np.maximum(values, 0))
    return _mean_average_precision(data.query, data.gallery, infrared @ project, visible @ project)


def _centred(features: np.ndarray, split: Split) -> np.ndarray:
    """Each camera's mean taken away: angle of view and modality shift the lengths of all people alike."""
    cameras = np.array([t.camera for t in split.tracklets])
    means = {camera: features[cameras == camera].mean(axis=0) for camera in np.unique(cameras)}
    return features - np.stack([means[camera] for camera in cameras])

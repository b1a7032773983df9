"""Skeletons that are estimated when they are asked for."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from support.fake_estimator import DiagonalRecipe
from support.footage import write_tracklets

from star.errors import StarError
from star.footage.tracklet_folder import read_tracklets
from star.pose.estimated_skeletons import EstimatedSkeletons
from star.pose.estimator import Estimator


def test_skeletons_are_estimated_once_and_not_in_frames_that_cannot_be_decoded(tmp_path):
    split = read_tracklets(write_tracklets(tmp_path / "f", {"a": (200, 20, 20)}, frames=2), "visible")
    log = tmp_path / "log"
    store = EstimatedSkeletons(split.frames, DiagonalRecipe(log=log).build())
    found = store.read("a/1.jpg")
    assert found is not None and found.shape == (17, 3) and found is store.read("a/1.jpg")
    assert log.read_bytes() == b"x"
    (tmp_path / "f" / "a" / "2.jpg").write_bytes(b"no image")
    assert store.read("a/2.jpg") is None
    assert store.provenance() == "diagonal"
    with pytest.raises(StarError, match=r"diagonal failed on frame .*1.jpg: ValueError: too dark"):
        EstimatedSkeletons(split.frames, DiagonalRecipe(refused=1).build()).read("a/1.jpg")


class Thirteen:
    """An estimator without a name that gives the joints of another data set."""

    def estimate(self, frame: np.ndarray) -> np.ndarray:
        return np.zeros((13, 3), np.float32)


def test_an_estimator_of_a_user_is_named_by_its_class(tmp_path):
    split = read_tracklets(write_tracklets(tmp_path / "f", {"a": (200, 20, 20)}, frames=1), "visible")
    store = EstimatedSkeletons(split.frames, cast(Estimator, Thirteen()))
    with pytest.raises(StarError, match=r"Thirteen gave \[13, 3\] for frame .*1.jpg, expected \[17, 3\]: x, y and"):
        store.read("a/1.jpg")

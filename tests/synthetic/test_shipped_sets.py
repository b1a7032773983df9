"""The sets of the configuration: what one has that another has not."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from star.config.check import check_overrides
from star.synthetic.generator import list_passages
from star.synthetic.levels import Levels, parse_levels
from star.synthetic.tracklet import Recording, record

ESTIMATOR = {"joint_noise", "joint_swap", "joint_dropout", "skeleton_missing"}
PEOPLE = {"body_variation", "gait_variation", "gait_jitter", "view_jitter"}


def levels_of(dataset: str) -> tuple[Levels, int]:
    generate = check_overrides(["experiment=star", f"dataset={dataset}"]).dataset.generate
    assert generate is not None
    return parse_levels(generate)


def walks(dataset: str) -> list[Recording]:
    """The first person's walk past each camera."""
    levels, seed = levels_of(dataset)
    cameras = len(levels.visible_views) + len(levels.infrared_views)
    return [record(levels, seed, passage) for passage in list_passages(levels, seed)[:cameras]]


@pytest.mark.parametrize(
    ("dataset", "other", "names"),
    [("synthetic_exact", "synthetic_easy", ESTIMATOR), ("synthetic_distinct", "synthetic_exact", PEOPLE)],
)
def test_what_differs(dataset: str, other: str, names: set[str]):
    mine, theirs = asdict(levels_of(dataset)[0]), asdict(levels_of(other)[0])
    assert {name for name in mine if mine[name] != theirs[name]} == names


def test_exact_skeletons_are_the_true_joints_of_the_same_frames():
    easy, exact = walks("synthetic_easy"), walks("synthetic_exact")
    size = np.array([31, 63])
    assert len({walk.frames.shape[-1] for walk in exact}) == 2
    for one, other in zip(easy, exact, strict=True):
        assert np.array_equal(one.frames, other.frames)
        assert other.present.all()
        np.testing.assert_allclose(other.joints[..., :2], np.clip(other.true_joints, 0, size), atol=1e-4)
        assert np.abs(one.joints[..., :2] - np.clip(one.true_joints, 0, size)).mean() > 0.3

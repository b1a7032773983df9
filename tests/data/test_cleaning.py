from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OneEuroFilter import OneEuroFilter
from scipy.signal import savgol_filter

from star.data.cleaning import Cleaning, clean
from star.data.coco_joints import MIRRORED
from star.data.frame_joints import FrameJoints, fill_missing

INTERPOLATE = Cleaning(interpolate=True, max_gap=5, filter="none", window=7, order=2, min_cutoff=0.2, beta=1.0)
FILTERS = {name: replace(INTERPOLATE, filter=name) for name in ("savitzky_golay", "one_euro")}


def tracklet(joints: np.ndarray, present: np.ndarray | None = None) -> FrameJoints:
    """As the store would give [t 17 3]; where `present` [t 17] is False the joint is missing."""
    present = np.ones(joints.shape[:2], bool) if present is None else present
    joints = np.where(present[..., None], joints, 0).astype(np.float32)
    nothing = np.zeros_like(present)
    return FrameJoints(joints, present, nothing[:, 0], nothing, nothing, ~present, nothing)


def walk(frames: int = 48, seed: int = 0) -> np.ndarray:
    """[t 17 3]: joints that swing like limbs, a step in sixteen frames, with a slow drift; confidence in 0.5..1."""
    random = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None]
    phase, reach = random.uniform(0, 2 * np.pi, (17, 2)), random.uniform(0.02, 0.1, (17, 2))
    points = random.uniform(0.3, 0.7, (17, 2)) + reach * np.sin(2 * np.pi * time / 16 + phase) + 0.001 * time
    return np.concatenate([points, random.uniform(0.5, 1, (frames, 17, 1))], axis=2).astype(np.float32)


def error(found: np.ndarray, true: np.ndarray, where: np.ndarray) -> float:
    """Root mean square distance of the joints in 1/1000 of the frame."""
    return 1000 * float(np.sqrt(np.square(found[..., :2] - true[..., :2]).sum(axis=2)[where].mean()))


def holes(shape: tuple[int, int], seed: int = 1) -> np.ndarray:
    """Where joints are there: about a fifth is missing, in gaps of one to four frames that do not touch the ends."""
    random = np.random.default_rng(seed)
    present = np.ones(shape, bool)
    for joint in range(shape[1]):
        for start in range(2, shape[0] - 8, 10):
            present[start : start + random.integers(1, 5), joint] = False
    return present


def test_gaps_are_filled_better_than_by_the_nearest_frame():
    true, present = walk(), holes((48, 17))
    found = clean(tracklet(true, present), INTERPOLATE)
    assert found.present.all() and np.array_equal(found.interpolated, ~present)
    nearest = error(fill_missing(*tracklet(true, present)[:2]), true, ~present)
    assert nearest > 30 and error(found.joints, true, ~present) < 0.2 * nearest
    assert np.array_equal(found.joints[present], true[present])


@pytest.mark.parametrize(("name", "share"), [("savitzky_golay", 0.65), ("one_euro", 0.75)])
def test_jitter_is_filtered_and_the_true_path_kept(name, share):
    true, present = walk(), holes((48, 17))
    noisy = true.copy()
    noisy[..., :2] += np.random.default_rng(2).normal(0, 0.02, true.shape)[..., :2]
    only_filled = clean(tracklet(noisy, present), INTERPOLATE).joints
    found = clean(tracklet(noisy, present), FILTERS[name])
    nearest = fill_missing(*tracklet(noisy, present)[:2])
    assert error(noisy, true, present) > 25 and error(nearest, true, ~present) > 45
    assert error(only_filled, true, ~present) < 0.6 * error(nearest, true, ~present)
    assert error(found.joints, true, present) < share * error(noisy, true, present)
    assert error(found.joints, true, ~present) < error(only_filled, true, ~present)
    assert error(clean(tracklet(true), FILTERS[name]).joints, true, present) < 7
    assert np.array_equal(found.joints[present][:, 2], noisy[present][:, 2])


def test_constant_velocity_is_met_whatever_the_confidences():
    true = np.linspace([0.1, 0.9, 0], [0.9, 0.2, 0], 20)[:, None].repeat(17, axis=1)
    true[..., 2] = np.random.default_rng(0).uniform(0.05, 1, (20, 17))
    present = holes((20, 17))
    found = clean(tracklet(true, present), INTERPOLATE)
    assert found.present.all() and np.allclose(found.joints[..., :2], true[..., :2], atol=1e-6)


def test_the_confidence_of_a_filled_joint_falls_with_the_distance():
    joints = np.full((8, 17, 3), 0.5)
    joints[2, :, 2], joints[6, :, 2] = 0.9, 0.6
    present = np.ones((8, 17), bool)
    present[3:6] = False
    found = clean(tracklet(joints, present), INTERPOLATE)
    assert np.allclose(found.joints[2:7, 0, 2], [0.9, 0.6 * 5 / 6, 0.6 * 4 / 6, 0.6 * 5 / 6, 0.6])


def test_an_unsure_neighbour_has_less_say():
    joints = np.zeros((5, 17, 3))
    joints[..., 2] = 0.9
    joints[1, :, :2] = 1
    present = np.ones((5, 17), bool)
    present[2] = False
    sure = clean(tracklet(joints, present), INTERPOLATE).joints[2, 0, 0]
    joints[1, :, 2] = 0.1
    unsure = clean(tracklet(joints, present), INTERPOLATE).joints[2, 0, 0]
    assert 0.6 < sure < 0.7 and 0 < unsure < 0.4 * sure


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_filling_equals_its_plain_twin(seed, max_gap):
    random = np.random.default_rng(seed)
    joints, present = random.random((15, 17, 3)) + 0.01, random.random((15, 17)) < 0.6
    found = clean(tracklet(joints, present), replace(INTERPOLATE, max_gap=max_gap))
    stored = tracklet(joints, present).joints.astype(float)
    for j in range(17):
        there = [t for t in range(15) if present[t, j]]
        for t in range(15):
            before, after = [s for s in there if s < t], [s for s in there if s > t]
            fills = not present[t, j] and before and after and after[0] - before[-1] - 1 <= max_gap
            assert found.interpolated[t, j] == bool(fills) and found.present[t, j] == (present[t, j] or bool(fills))
            if fills:
                sides = [[s for s in side if abs(s - t) <= max_gap + 3] for side in (before[-3:], after[:3])]
                near = sides[0] + sides[1]
                degree = 2 if min(map(len, sides)) > 1 else 1
                root = [np.sqrt(stored[s, j, 2] / abs(s - t)) for s in near]
                expected = [
                    np.polyval(np.polyfit(np.array(near) - t, stored[near, j, i], degree, w=root), 0) for i in (0, 1)
                ]
                assert np.allclose(found.joints[t, j, :2], expected, atol=1e-5)
            elif not present[t, j]:
                assert (found.joints[t, j] == 0).all()


def test_long_gaps_ends_and_absent_joints_stay_missing():
    true = walk(30)
    present = np.ones((30, 17), bool)
    present[:2, 0] = present[-3:, 0] = False
    present[10:15, 1] = False
    present[10:16, 2] = False
    present[:, 3] = False
    present[1:, 4] = False
    found = clean(tracklet(true, present), FILTERS["savitzky_golay"])
    expected = present.copy()
    expected[10:15, 1] = True
    assert np.array_equal(found.present, expected)
    assert (found.joints[~expected] == 0).all() and np.isfinite(found.joints).all()
    assert np.array_equal(found.joints[0, 4], true[0, 4])


@pytest.mark.parametrize("options", [INTERPOLATE, *FILTERS.values()])
@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_tracklets(options, frames):
    true = walk(frames)
    found = clean(tracklet(true), options)
    assert found.joints.shape == (frames, 17, 3) and np.isfinite(found.joints).all()
    if frames == 1 or options.filter != "one_euro":
        assert np.allclose(found.joints, true, atol=1e-7)


def test_left_and_right_are_not_exchanged():
    true = walk()
    swapped = true.copy()
    swapped[20] = true[20, list(MIRRORED)]
    present = np.ones((48, 17), bool)
    present[24:26] = False
    assert np.array_equal(clean(tracklet(swapped, present), INTERPOLATE).joints[20], swapped[20])
    for options in (INTERPOLATE, *FILTERS.values()):
        found = clean(tracklet(swapped, present), options)
        mirrored = clean(tracklet(swapped[:, list(MIRRORED)], present), options)
        assert np.array_equal(mirrored.joints, found.joints[:, list(MIRRORED)])


def test_savitzky_golay_is_scipys_on_every_run():
    true = walk()
    present = np.ones((48, 17), bool)
    present[20:30] = False
    present[34] = present[37] = False
    found = clean(tracklet(true, present), replace(FILTERS["savitzky_golay"], interpolate=False)).joints
    for start, end, window in ((0, 20, 7), (30, 34, 3), (38, 48, 7)):
        expected = savgol_filter(true[start:end, :, :2].astype(float), window, 2, axis=0)
        assert np.allclose(found[start:end, :, :2], expected, atol=1e-6)
    assert np.allclose(found[35:37], true[35:37], atol=1e-7) and (found[34] == 0).all()


def test_one_euro_is_the_mean_of_its_authors_filter_in_both_directions():
    true = walk(20)
    found = clean(tracklet(true), FILTERS["one_euro"]).joints
    values = true[:, 5, 1].astype(float)
    forwards, backwards = OneEuroFilter(1.0, 0.2, 1.0, 0.1), OneEuroFilter(1.0, 0.2, 1.0, 0.1)
    ahead, back = [forwards(v) for v in values], [backwards(v) for v in values[::-1]][::-1]
    assert np.allclose(found[:, 5, 1], (np.array(ahead) + back) / 2, atol=1e-6)
    ramp = np.linspace([0.1, 0.1, 0.9], [0.9, 0.9, 0.9], 41)[:, None].repeat(17, axis=1)
    middle = clean(tracklet(ramp), FILTERS["one_euro"]).joints[20, 0, 0]
    assert middle == pytest.approx(0.5, abs=1e-6)


def test_the_input_is_left_alone_and_nothing_is_done_when_off():
    given_, present = walk(), holes((48, 17))
    stored = tracklet(given_, present)
    before = [array.copy() for array in stored]
    found = clean(stored, replace(INTERPOLATE, interpolate=False))
    assert not replace(INTERPOLATE, interpolate=False).used and INTERPOLATE.used and FILTERS["one_euro"].used
    assert all(np.array_equal(one, other) for one, other in zip(found, before, strict=True))
    clean(stored, FILTERS["savitzky_golay"])
    assert all(np.array_equal(one, other) for one, other in zip(stored, before, strict=True))

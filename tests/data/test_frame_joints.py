from pathlib import Path

import numpy as np

from star.data.frame_joints import fill_missing, read_joints


class _Store:
    path = Path("memory")

    def __init__(self, skeletons):
        self._skeletons = skeletons

    def read(self, key):
        return self._skeletons.get(key)

    def provenance(self):
        return "memory"


def _plain_fill(joints, present):
    filled = np.zeros_like(joints)
    for t in range(joints.shape[0]):
        for j in range(joints.shape[1]):
            donors = [other for other in range(joints.shape[0]) if present[other, j]]
            if present[t, j]:
                filled[t, j] = joints[t, j]
            elif donors:
                donor = min(donors, key=lambda other: (abs(other - t), other))
                filled[t, j, :2] = joints[donor, j, :2]
    return filled


def test_filling_equals_its_plain_twin():
    random = np.random.default_rng(0)
    for share in (0, 0.1, 0.5, 0.9, 1):
        joints = random.random((12, 17, 3)).astype(np.float32)
        present = random.random((12, 17)) >= share
        assert np.array_equal(fill_missing(joints, present), _plain_fill(joints, present))


def test_reading_normalises_by_each_frame_and_counts_what_is_missing():
    whole = np.full((17, 3), [10, 20, 0.5], np.float32)
    broken = whole.copy()
    broken[3] = np.nan
    broken[4, 0] = np.inf
    broken[5, 2] = 0.1
    broken[6, 2] = 1.2
    store = _Store({"a": whole, "c": broken})
    found = read_joints(store, ["a", "b", "c"], [(40, 20), (40, 20), (80, 100)], min_confidence=0.2)
    assert found.counts == {
        "frames_without_skeleton": 1,
        "nan_joints": 2,
        "far_joints": 0,
        "low_joints": 1,
        "interpolated_joints": 0,
    }
    assert np.allclose(found.joints[0], [0.5, 0.5, 0.5]) and np.allclose(found.joints[2, 0], [0.1, 0.25, 0.5])
    assert np.allclose(found.joints[2, 6], [0.1, 0.25, 1.0])
    assert not found.present[1].any() and found.present[0].all()
    assert np.flatnonzero(~found.present[2]).tolist() == [3, 4, 5]
    assert (found.joints[~found.present] == 0).all()
    filled = fill_missing(found.joints, found.present)
    assert np.allclose(filled[1], [0.5, 0.5, 0]) and np.allclose(filled[2, 3], [0.5, 0.5, 0])


def test_joints_far_outside_their_frame_are_missing():
    """A finite number like 1e30 would become a NaN loss; limbs a little outside the crop are joints."""
    joints = np.full((17, 3), [10, 20, 0.5], np.float32)
    joints[0, 0], joints[1, 1], joints[2, 0], joints[3, 1] = 1e30, -3e38, 221, -401
    joints[4, 0], joints[5, 1] = 219, -399
    joints[6] = 1e30, 0, 0
    found = read_joints(_Store({"a": joints}), ["a"], [(40, 20)], min_confidence=0.0)
    assert np.flatnonzero(found.far[0]).tolist() == [0, 1, 2, 3] and found.counts["far_joints"] == 4
    assert np.flatnonzero(~found.present[0]).tolist() == [0, 1, 2, 3, 6] and found.counts["low_joints"] == 1
    assert (found.joints[0, :4] == 0).all() and np.isclose(found.joints[0, 4, 0], 10.95)


def test_confidence_zero_marks_a_joint_that_was_not_found():
    joints = np.full((17, 3), [1, 1, 1e-6], np.float32)
    joints[:4] = 0
    joints[4, 2] = -0.1
    found = read_joints(_Store({"a": joints}), ["a"], [(2, 2)], min_confidence=0.0)
    assert found.counts["low_joints"] == 5
    assert np.flatnonzero(~found.present[0]).tolist() == [0, 1, 2, 3, 4]


def test_rows_repeat_and_count_as_often():
    joints = np.full((17, 3), [1, 1, 0.5], np.float32)
    found = read_joints(_Store({"a": joints}), ["a", "b"], [(2, 2)] * 2, min_confidence=0.0).rows([0, 1, 1])
    assert found.joints.shape == (3, 17, 3) and found.present[:, 0].tolist() == [True, False, False]
    assert found.counts["frames_without_skeleton"] == 2


def test_clip_without_any_skeleton_is_zero():
    found = read_joints(_Store({}), ["a", "b"], [(2, 2)] * 2, min_confidence=0.0)
    assert (fill_missing(found.joints, found.present) == 0).all() and found.without.all()

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.loaders import evaluation_loader
from support.tiny_vcm import HEIGHT, WIDTH, plain_joints

from star.data.corruption import GREY, Corruption

KEYS = [f"0001/ir/D2/{n}" for n in range(1, 201)]
CLIP: dict[str, Any] = {"frames": 4, "height": HEIGHT, "width": WIDTH, "batch": 4}


def _clip(frames=200):
    """White frames and one joint in each cell of a grid of 4 x 4, and one more."""
    place = np.arange(17)
    joints = np.stack([0.125 + 0.25 * (place % 4), (0.125 + 0.25 * (place // 4)) % 1, np.ones(17)], axis=1)
    return np.full((frames, HEIGHT, WIDTH, 3), 255, np.uint8), np.tile(joints, (frames, 1, 1)).astype(np.float32)


def _apply(corruption, keys=KEYS, change=None):
    frames, joints = _clip(len(keys))
    if change:
        change(joints)
    corruption.apply(keys, keys[0], frames, joints)
    return frames, joints


def _batches(split, corruption=None, workers=2):
    return list(evaluation_loader(split, workers=workers, corruption=corruption, **CLIP))


def _same(first, second):
    return all(np.array_equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_block_covers_its_share_of_every_frame_and_the_joints_there(share, seed):
    frames, joints = _apply(Corruption(occlusion=share, seed=seed), KEYS[:3])
    top, left, bottom, right = Corruption(occlusion=share, seed=seed).block(KEYS[0], HEIGHT, WIDTH)
    assert 0 <= top < bottom <= HEIGHT and 0 <= left < right <= WIDTH
    assert (bottom - top) * (right - left) / (HEIGHT * WIDTH) == pytest.approx(share, abs=0.03)
    covered = np.zeros((HEIGHT, WIDTH), bool)
    covered[top:bottom, left:right] = True
    assert (frames[:, covered] == GREY).all() and (frames[:, ~covered] == 255).all()
    before = _clip(3)[1]
    pixels = (before[0, :, :2] * (WIDTH, HEIGHT)).astype(int)
    hidden = covered[pixels[:, 1], pixels[:, 0]]
    assert (joints[:, hidden] == 0).all(), "nothing tells where a joint was that is hidden all the time"
    assert np.array_equal(joints[:, ~hidden], before[:, ~hidden])
    assert 0 < hidden.sum() < 17 or share == 0.05


def test_a_joint_that_comes_out_from_behind_the_block_stands_in_for_its_hidden_self():
    corruption = Corruption(occlusion=0.2)
    top, left, bottom, right = corruption.block(KEYS[0], HEIGHT, WIDTH)
    inside = ((left + right) / 2 / WIDTH, (top + bottom) / 2 / HEIGHT)
    outside = (0.0 if left > 0 else 0.99, 0.0 if top > 0 else 0.99)

    def move(joints):
        joints[:2, 5, :2] = inside
        joints[2:, 5, :2] = outside

    _, joints = _apply(corruption, KEYS[:3], move)
    assert joints[:, 5, 2].tolist() == [0, 0, 1]
    np.testing.assert_allclose(joints[:, 5, :2], [outside] * 3)


def test_noise_has_its_deviation_in_pixels_of_both_axes_and_leaves_pixels_and_confidences():
    frames, joints = _apply(Corruption(joint_noise=0.05))
    moved = (joints - _clip()[1])[..., :2] * (WIDTH, HEIGHT) / HEIGHT
    np.testing.assert_allclose(moved.std(axis=(0, 1)), 0.05, rtol=0.05)
    assert abs(moved.mean()) < 0.002
    assert (frames == 255).all() and (joints[..., 2] == 1).all()


def test_dropout_takes_its_share_of_the_joints():
    _, joints = _apply(Corruption(joint_dropout=0.3))
    gone = joints[..., 2] == 0
    assert gone.mean() == pytest.approx(0.3, abs=0.03)
    assert np.array_equal(joints[..., :2], _clip()[1][..., :2]), "still bodies: the nearest frame has the same place"
    _, joints = _apply(Corruption(joint_dropout=1.0))
    assert not joints.any()


def test_a_missing_joint_gets_no_noise_of_its_own():
    def miss(joints):
        joints[:, 3] = 0
        joints[1, 4, 2] = 0

    _, joints = _apply(Corruption(joint_noise=0.1), KEYS[:3], miss)
    assert not joints[:, 3].any()
    assert np.array_equal(joints[1, 4, :2], joints[0, 4, :2]) and joints[1, 4, 2] == 0


def test_a_higher_level_is_the_lower_one_made_stronger():
    few, many = (_apply(Corruption(joint_dropout=level))[1][..., 2] == 0 for level in (0.2, 0.4))
    assert (many | ~few).all() and many.sum() > few.sum()
    weak, strong = (_apply(Corruption(joint_noise=level))[1] - _clip()[1] for level in (0.01, 0.05))
    np.testing.assert_allclose(strong[..., :2], 5 * weak[..., :2], atol=1e-6)


def test_kinds_do_not_change_each_other():
    alone = _apply(Corruption(joint_noise=0.05))[1]
    both = _apply(Corruption(joint_noise=0.05, joint_dropout=0.5))[1]
    kept = both[..., 2] > 0
    assert np.array_equal(alone[kept], both[kept])


def test_a_repeated_frame_keeps_one_skeleton():
    keys = [KEYS[0], KEYS[0], KEYS[1], KEYS[1]]
    _, joints = _apply(Corruption(joint_noise=0.05, joint_dropout=0.3), keys)
    present = joints[..., 2] > 0
    assert np.array_equal(present[0], present[1]) and np.array_equal(present[2], present[3])
    assert np.array_equal(joints[0][present[0]], joints[1][present[1]])
    assert not np.array_equal(joints[0], joints[2])


def test_tracklets_and_seeds_differ():
    corruption = Corruption(occlusion=0.1)
    places = {corruption.block(key, HEIGHT, WIDTH) for key in KEYS[:20]}
    places |= {replace(corruption, seed=1).block(KEYS[0], HEIGHT, WIDTH)}
    assert len(places) > 15


def test_no_level_leaves_batches_bit_identical(whole):
    assert not Corruption().used and Corruption(seed=3).describe() == ""
    assert _same(_batches(whole.query, Corruption(seed=3)), _batches(whole.query))


def test_clips_do_not_depend_on_workers_batches_or_the_other_tracklets(whole):
    corruption = Corruption(occlusion=0.2, joint_noise=0.02, joint_dropout=0.2)
    reference = _batches(whole.query, corruption)
    assert _same(_batches(whole.query, corruption, workers=1), reference)
    assert not _same(reference, _batches(whole.query))
    single: dict[str, Any] = CLIP | {"batch": 1}
    alone = evaluation_loader(whole.query, workers=1, corruption=corruption, **single)
    clips = [(batch.frames[0], batch.joints[0]) for batch in alone]
    rows = [(b.frames[row], b.joints[row]) for b in reference for row in range(b.count)]
    assert _same(clips, rows)


def test_the_pixels_do_not_depend_on_whether_skeletons_are_read(whole):
    corruption = Corruption(occlusion=0.2, joint_noise=0.02, joint_dropout=0.2)
    plain = _batches(replace(whole.query, skeletons=None), corruption)
    for mine, theirs in zip(plain, _batches(whole.query, corruption), strict=True):
        assert np.array_equal(mine.frames, theirs.frames) and not mine.joints.any()


def test_what_a_protocol_says():
    assert Corruption(occlusion=0.2).describe() == "test clips with occlusion 0.2 (seed 0)"
    text = Corruption(joint_noise=0.02, joint_dropout=0.4, seed=5).describe()
    assert text == "test clips with joint_noise 0.02, joint_dropout 0.4 (seed 5)"


def test_plain_joints_are_inside(whole, caplog):
    caplog.set_level(logging.WARNING)
    batches = _batches(whole.query, Corruption(joint_noise=1e-6))
    np.testing.assert_allclose(batches[0].joints[0, 0], plain_joints() / (WIDTH, HEIGHT, 1), atol=1e-4)
    assert not caplog.records

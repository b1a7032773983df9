from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from star.data.augmentation import AugmentationOptions
from star.data.coco_joints import MIRRORED
from star.data.transforms import ERASED, PLAIN, Augmentation, augment_frame, augment_joints, draw_augmentation

HEIGHT, WIDTH = 64, 32
DRAW = AugmentationOptions(pad=5, flip=0.5, erase=0.5, erase_area=[0.02, 0.4], erase_aspect=[0.3, 3.3])


def _augment(frame, augmentation, height=HEIGHT, width=WIDTH):
    out = np.full((height, width, 3), 77, np.uint8)
    augment_frame(frame, augmentation, out)
    return out


def _plain_chain(resized, augmentation, pad):
    """Pad, crop, flip and erase one after the other, in NumPy."""
    height, width = resized.shape[:2]
    padded = np.pad(resized, ((pad, pad), (pad, pad), (0, 0)))
    top, left = pad - augmentation.down, pad - augmentation.right
    frame = padded[top : top + height, left : left + width]
    frame = (frame[:, ::-1] if augmentation.flip else frame).copy()
    if augmentation.erased:
        top, left, rows, columns = augmentation.erased
        frame[top : top + rows, left : left + columns] = ERASED["mean"]
    return frame


@pytest.mark.parametrize("size", [(31, 17), (64, 32), (100, 60), (300, 50), (200, 130)])
def test_equals_the_chain_of_single_steps(size):
    random = np.random.default_rng(0)
    frame = random.integers(0, 256, (*size, 3), np.uint8)
    resized = _augment(frame, PLAIN)
    for seed in range(30):
        augmentation = draw_augmentation(np.random.default_rng(seed), HEIGHT, WIDTH, DRAW)
        assert np.array_equal(_augment(frame, augmentation), _plain_chain(resized, augmentation, 5))


def test_input_frame_is_left_alone():
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    before = frame.copy()
    _augment(frame, Augmentation(1, 1, True, (0, 0, 9, 9)))
    _augment(frame, Augmentation(flip=True))
    assert np.array_equal(frame, before)


def test_fine_patterns_are_averaged_not_skipped():
    board = np.indices((4 * HEIGHT, 4 * WIDTH)).sum(axis=0) % 4 < 2
    frame = np.repeat(np.where(board, 255, 0).astype(np.uint8)[..., None], 3, axis=2)
    assert np.abs(_augment(frame, PLAIN).astype(int) - 127).max() <= 2


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    size=st.tuples(st.integers(40, 200), st.integers(24, 120)),
    place=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    right=st.integers(-5, 5),
    down=st.integers(-5, 5),
    flip=st.booleans(),
)
def test_a_mark_painted_at_a_joint_is_found_at_the_moved_joint(size, place, right, down, flip):
    height, width = size
    x, y = place[0] * width, place[1] * height
    rows, columns = np.indices(size) + 0.5
    mark = np.exp(-((rows - y) ** 2 / (height / 24) ** 2 + (columns - x) ** 2 / (width / 24) ** 2) / 2)
    frame = np.repeat((250 * mark).astype(np.uint8)[..., None], 3, axis=2)
    joints = np.zeros((1, 17, 3), np.float32)
    joints[0, 5] = (place[0], place[1], 0.9)
    augmentation = Augmentation(right, down, flip)
    moved = augment_joints(joints, [augmentation], HEIGHT, WIDTH)[0, MIRRORED[5] if flip else 5]
    assert moved[2] == np.float32(0.9)
    weights = _augment(frame, augmentation)[..., 0].astype(float)
    rows, columns = np.indices((HEIGHT, WIDTH)) + 0.5
    found = (weights * columns).sum() / weights.sum() / WIDTH, (weights * rows).sum() / weights.sum() / HEIGHT
    assert found == pytest.approx(moved[:2], abs=0.02)


def test_flip_swaps_left_and_right_and_twice_is_nothing():
    joints = np.random.default_rng(0).random((4, 17, 3)).astype(np.float32)
    flipped = augment_joints(joints, [Augmentation(flip=True)] * 4, HEIGHT, WIDTH)
    assert np.allclose(flipped[:, 5, 0], 1 - joints[:, 6, 0]) and np.allclose(flipped[:, 5, 1:], joints[:, 6, 1:])
    assert np.allclose(augment_joints(flipped, [Augmentation(flip=True)] * 4, HEIGHT, WIDTH), joints, atol=1e-6)
    assert np.array_equal(augment_joints(joints, [PLAIN] * 4, HEIGHT, WIDTH), joints)


def test_draws_stay_in_their_ranges_and_use_them():
    draws = [draw_augmentation(np.random.default_rng(seed), HEIGHT, WIDTH, DRAW) for seed in range(400)]
    assert {d.right for d in draws} == {d.down for d in draws} == set(range(-5, 6))
    assert 0.4 < np.mean([d.flip for d in draws]) < 0.6
    erased = [d.erased for d in draws if d.erased]
    assert 0.4 < len(erased) / len(draws) < 0.6
    for top, left, rows, columns in erased:
        assert 0 <= top <= HEIGHT - rows and 0 <= left <= WIDTH - columns
        assert 0.015 < rows * columns / (HEIGHT * WIDTH) < 0.41
    assert min(e[0] for e in erased) == 0 and max(e[2] / e[3] for e in erased) > 2


def test_probability_zero_and_no_padding_change_nothing():
    still = replace(DRAW, pad=0, flip=0.0, erase=0.0)
    assert all(draw_augmentation(np.random.default_rng(seed), HEIGHT, WIDTH, still) == PLAIN for seed in range(20))

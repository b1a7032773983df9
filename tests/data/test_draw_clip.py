"""Joints follow the pixels, whatever is drawn, frame by frame."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.loaders import STILL, train_loader
from support.tiny_vcm import write_jpeg, write_tiny_vcm

from star.data.augmentation import AugmentationOptions
from star.data.coco_joints import MIRRORED
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.index import read_names
from star.data.sampler import ModalityBlindSampler
from star.data.skeleton_stores import SkeletonWriter, index_sha256
from star.data.transforms import ERASED, PLAIN, augment_frame, augment_joints, draw_clip
from star.errors import DataError
from star.types import ClipShape, Modality

FRAMES = 4
MOVING = STILL | {"pad": 6, "flip": 0.5}
ERASING = MOVING | {"erase": 0.7}
COLOURS: dict[str, Any] = {
    **{"weighted_greyscale": 0.3, "channel_exchange": 0.4, "colour_jitter": 0.5, "infrared_jitter": 0.5},
    **{"brightness": 0.5, "contrast": 0.5, "saturation": 0.5},
}
SEEDS = st.integers(0, 2**32 - 1)
PER = st.sampled_from(["clip", "frame"])
EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True, database=None)
NOSE, LEFT, RIGHT = 0, 5, 6


def _draw(seed, modality: Modality = "visible", *, height=96, width=48, **options: Any):
    rng = np.random.default_rng(seed)
    return draw_clip(rng, modality, ClipShape(FRAMES, height, width), AugmentationOptions(**(MOVING | options)))


def _marked(height, width, joints, spread=0.025):
    """A black [h w 3] frame with a soft white mark at each joint [m 2] (x and y in 0..1)."""
    y, x = (np.indices((height, width)) + 0.5) / np.array([height, width])[:, None, None]
    aspect = 2 * width / height
    light = np.zeros((height, width))
    for u, v in joints:
        light += np.exp(-(((x - u) * aspect) ** 2 + (y - v) ** 2) / spread**2 / 2)
    return np.repeat((250 * light).astype(np.uint8)[..., None], 3, axis=2)


def _found(frame):
    """[2]: centre of the mark in a [h w 3] frame, in pixels; what is no brighter than the surroundings is left out."""
    light = frame[..., 0].astype(float)
    weights = np.maximum(light - (light.max() + np.median(light)) / 2, 0)
    rows, columns = np.indices(light.shape) + 0.5
    return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()


@EXAMPLES
@given(
    seed=SEEDS,
    stored=st.tuples(st.integers(30, 300), st.integers(20, 160)),
    size=st.tuples(st.integers(64, 128), st.integers(40, 72)),
    joint=st.integers(0, 16),
    geometry=PER,
    modality=st.sampled_from(["visible", "infrared"]),
)
def test_a_mark_painted_at_a_joint_is_found_at_the_moved_joint(seed, stored, size, joint, geometry, modality):
    rng = np.random.default_rng(seed)
    joints = rng.random((FRAMES, 17, 3)).astype(np.float32)
    joints[:, joint, :2] = rng.uniform(0.3, 0.7, (FRAMES, 2))
    height, width = size
    augmentations = _draw(seed, modality, height=height, width=width, geometry=geometry, **COLOURS)
    moved = augment_joints(joints, augmentations, height, width)
    for row, augmentation in enumerate(augmentations):
        out = np.empty((height, width, 3), np.uint8)
        augment_frame(_marked(stored[0], stored[1], joints[row, joint, None, :2]), augmentation, out)
        renamed = MIRRORED[joint] if augmentation.flip else joint
        assert moved[row, renamed, 2] == joints[row, joint, 2]
        assert np.abs(_found(out) - moved[row, renamed, :2] * (width, height)).max() < 1


@EXAMPLES
@given(seed=SEEDS, geometry=PER, erase_per=PER)
def test_what_is_drawn_per_clip_is_one_for_all_frames(seed, geometry, erase_per):
    drawn = _draw(seed, geometry=geometry, erase_per=erase_per, **COLOURS, erase=0.7)
    assert len({a.colour for a in drawn}) == 1
    if geometry == "clip":
        assert len({a[:3] for a in drawn}) == 1
    if erase_per == "clip":
        assert len({a.erased for a in drawn}) == 1
    assert drawn[0] == _draw(seed, **COLOURS, erase=0.7)[0]


def test_draws_per_frame_stay_what_they_were():
    """Further numbers drawn between a clip's frames would move them, which no default recipe shows."""
    drawn = _draw(0, pad=10, erase=0.5, geometry="frame", erase_per="frame")
    assert [(one.right, one.down, one.flip, one.erased) for one in drawn] == [
        (-3, -7, True, (52, 37, 16, 8)),
        (-8, 9, False, (39, 22, 22, 14)),
        (-2, 5, True, None),
        (-10, -6, False, None),
    ]


def test_draws_per_frame_differ_within_a_clip_and_are_as_frequent():
    clips = [_draw(seed, geometry="frame", erase_per="frame", erase=0.5) for seed in range(200)]
    for row in range(FRAMES):
        assert np.mean([clip[row].flip for clip in clips]) == pytest.approx(0.5, abs=0.12)
        assert np.mean([clip[row].erased is not None for clip in clips]) == pytest.approx(0.5, abs=0.12)
    assert sum(len({a[:3] for a in clip}) > 1 for clip in clips) > 190
    assert sum(len({a.erased for a in clip}) > 1 for clip in clips) > 150


@EXAMPLES
@given(seed=SEEDS, erase_per=PER)
def test_erasing_fills_its_rectangle_and_leaves_pixels_outside_and_joints_alone(seed, erase_per):
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (50, 30, 3), np.uint8)
    joints = rng.random((FRAMES, 17, 3)).astype(np.float32)
    augmentations = _draw(seed, erase_per=erase_per, erase=0.8)
    kept = [a._replace(erased=None) for a in augmentations]
    assert np.array_equal(augment_joints(joints, augmentations, 96, 48), augment_joints(joints, kept, 96, 48))
    for augmentation, whole in zip(augmentations, kept, strict=True):
        expected, out = np.empty((96, 48, 3), np.uint8), np.empty((96, 48, 3), np.uint8)
        augment_frame(frame, whole, expected)
        augment_frame(frame, augmentation, out)
        if augmentation.erased:
            top, left, rows, columns = augmentation.erased
            expected[top : top + rows, left : left + columns] = ERASED["mean"]
        assert np.array_equal(out, expected)


def test_padding_stays_black_whatever_the_colours():
    frame = np.full((96, 48, 3), 90, np.uint8)
    moved = PLAIN._replace(right=5, colour=PLAIN.colour._replace(contrast=0.1, brightness=1.2))
    out = np.empty_like(frame)
    augment_frame(frame, moved, out)
    assert (out[:, :5] == 0).all() and (out[:, 5:] == 108).all()


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """Frames of many sizes with three marks: the nose above, the left shoulder in the middle, the right one below."""
    tiny = write_tiny_vcm(tmp_path_factory.mktemp("marked") / "vcm", frames=12, skeletons=True)
    rng = np.random.default_rng(0)
    listed = read_names(tiny.index / "train_name.txt")
    joints = np.full((17, 3), 0.5, np.float32)
    with SkeletonWriter(
        tiny.root / "dataset-train.h5", estimator="test", version="1", index_sha256=index_sha256(listed.names)
    ) as writer:
        for number, key in enumerate(listed.keys):
            height, width = int(rng.integers(60, 200)), int(rng.integers(40, 100))
            joints[[NOSE, LEFT, RIGHT], :2] = np.array([[0.25, 0.2], [0.6, 0.5], [0.4, 0.8]])
            joints[[NOSE, LEFT, RIGHT], :2] += rng.uniform(-0.04, 0.04, (3, 2))
            write_jpeg(tiny.train / f"{key}.jpg", _marked(height, width, joints[[NOSE, LEFT, RIGHT], :2]))
            if number % 5:
                writer.write(key, joints * np.array([width, height, 1], np.float32))
    return read_hitsz_vcm(tiny.root)


def _batches(data, **options: Any):
    shape: dict[str, Any] = {"frames": FRAMES, "height": 96, "width": 48}
    return list(train_loader(data.train, **(shape | MOVING | options)).epoch(0))


@pytest.mark.parametrize("geometry", ["clip", "frame"])
def test_marks_in_files_are_found_at_the_joints_of_the_batch(marked, geometry):
    flips = []
    for batch in _batches(marked, geometry=geometry, **COLOURS):
        halves = ((batch.visible, batch.visible_joints), (batch.infrared, batch.infrared_joints))
        for clips, joints in ((c.reshape(-1, *c.shape[2:]), j.reshape(-1, 17, 3)) for c, j in halves):
            for frame, frame_joints in zip(clips, joints, strict=True):
                if frame_joints[NOSE, 2] == 0:
                    continue
                places = [_found(frame[top : top + 32]) + (0, top) for top in (0, 32, 64)]
                flipped = places[0][0] > 24
                order = [NOSE, RIGHT, LEFT] if flipped else [NOSE, LEFT, RIGHT]
                assert np.abs(frame_joints[order, :2] * (48, 96) - places).max() < 1
                flips.append(flipped)
    assert len(flips) > 20 and 0.2 < np.mean(flips) < 0.8


def test_a_missing_joint_takes_its_neighbours_place_before_the_frames_own_flip(marked):
    """With draws per frame a joint copied after the move would stand where the neighbour's flip put it."""
    missing = 0
    for batch in _batches(marked, geometry="frame"):
        halves = batch.visible.reshape(-1, 96, 48, 3), batch.visible_joints.reshape(-1, 17, 3)
        for frame, joints in zip(*halves, strict=True):
            if joints[NOSE, 2] == 0:
                assert np.abs(_found(frame[:32]) - joints[NOSE, :2] * (48, 96)).max() < 10
                missing += 1
    assert missing > 3


def test_colours_leave_joints_and_infrared_alone(marked):
    options = {"weighted_greyscale": 0.4, "channel_exchange": 0.4, "colour_jitter": 0.8, "brightness": 0.5}
    for plain, coloured in zip(_batches(marked), _batches(marked, **options), strict=True):
        assert np.array_equal(plain.infrared, coloured.infrared)
        assert np.array_equal(plain.infrared_joints, coloured.infrared_joints)
        assert np.array_equal(plain.visible_joints, coloured.visible_joints)
        assert not np.array_equal(plain.visible, coloured.visible)


def test_infrared_jitter_leaves_visible_alone(marked):
    options = {"infrared_jitter": 1.0, "brightness": 0.5}
    for plain, jittered in zip(_batches(marked), _batches(marked, **options), strict=True):
        assert np.array_equal(plain.visible, jittered.visible) and not np.array_equal(plain.infrared, jittered.infrared)
        assert np.array_equal(plain.infrared_joints, jittered.infrared_joints)


def test_grey_clips_have_three_equal_channels_outside_the_erased_rectangle(whole):
    for batch in _batches(whole, weighted_greyscale=1.0):
        assert np.ptp(batch.visible.astype(int), axis=-1).max() == 0


def test_repeated_frames_of_a_short_tracklet_are_drawn_anew(whole):
    still = _batches(whole, frames=30, erase=0.5)
    anew = _batches(whole, frames=30, erase=0.5, erase_per="frame")
    assert all((clip[28] == clip[29]).all() for batch in still for clip in batch.visible)
    assert any((clip[28] != clip[29]).any() for batch in anew for clip in batch.visible)


def test_joints_that_stay_are_those_of_the_stored_frame_and_pixels_are_the_same(marked):
    moved, stayed = _batches(marked, geometry="frame"), _batches(marked, geometry="frame", joints="stay")
    still = _batches(marked, pad=0, flip=0.0)
    for follow, stay, plain in zip(moved, stayed, still, strict=True):
        np.testing.assert_array_equal(stay.visible, follow.visible)
        np.testing.assert_array_equal(stay.infrared_joints, plain.infrared_joints)
        assert not np.array_equal(stay.infrared_joints, follow.infrared_joints)


def test_a_visible_clip_with_the_joints_of_the_infrared_clip_of_its_row(marked):
    for own, other in zip(_batches(marked), _batches(marked, visible_joints="infrared"), strict=True):
        np.testing.assert_array_equal(other.visible, own.visible)
        np.testing.assert_array_equal(other.infrared_joints, own.infrared_joints)
        np.testing.assert_array_equal(other.visible_joints, own.infrared_joints)
        assert not np.array_equal(own.visible_joints, own.infrared_joints)


def test_batches_without_pairs_have_no_other_joints_to_give(marked):
    with pytest.raises(DataError, match="visible_joints: given infrared, expected own"):
        _batches(marked, visible_joints="infrared", sampler=ModalityBlindSampler)

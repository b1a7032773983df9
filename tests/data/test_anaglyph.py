"""Anaglyphs of frames, and clips that carry them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from support.loaders import MOVING, STILL, evaluation_loader, train_loader
from support.tiny_vcm import HEIGHT, WIDTH

from star.data.anaglyph import anaglyph, anaglyph_frame
from star.data.contact_sheet import augmented_sheet
from star.data.corruption import GREY, Corruption
from star.data.decode import load_frame

SHAPE: dict[str, Any] = {"frames": 4, "height": HEIGHT, "width": WIDTH}


def test_an_anaglyph_is_the_relief_along_the_diagonal():
    grey = np.random.default_rng(0).integers(0, 256, (7, 5)).astype(np.uint8)
    found = anaglyph(grey)
    for y in range(7):
        for x in range(5):
            inside = y < 6 and x < 4
            expected = np.clip(int(grey[y + 1, x + 1]) - int(grey[y, x]) + 128, 0, 255) if inside else 0
            assert found[y, x] == expected
    assert not anaglyph(grey[:1]).any() and (anaglyph(np.full((3, 3), 9, np.uint8))[:2, :2] == GREY).all()


def test_clips_of_the_test_set_are_frames_and_then_their_anaglyphs(whole):
    split = whole.query
    plain, both = (list(evaluation_loader(split, anaglyphs=wanted, **SHAPE)) for wanted in (False, True))
    for one, two in zip(plain, both, strict=True):
        assert two.frames.shape == (4, 8, HEIGHT, WIDTH, 3)
        np.testing.assert_array_equal(two.frames[:, :4], one.frames)
        np.testing.assert_array_equal(two.joints, one.joints)
        for clip in two.frames:
            for frame, relief in zip(clip[:4], clip[4:], strict=True):
                np.testing.assert_array_equal(relief, anaglyph_frame(frame))


def test_the_anaglyph_is_that_of_the_stored_frame(whole):
    """Twice as large as the clip here: resized after it was made."""
    small = SHAPE | {"height": HEIGHT // 2, "width": WIDTH // 2}
    clip = next(iter(evaluation_loader(whole.query, anaglyphs=True, **small))).frames[0]
    stored = load_frame(whole.query.frames, whole.query.tracklets[0].frames[0])
    middle = anaglyph_frame(stored).reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 3).mean((1, 3))
    np.testing.assert_allclose(clip[4], middle, atol=1)
    assert np.abs(clip[4].astype(int) - anaglyph_frame(clip[0])).max() > 10


def test_training_clips_keep_their_draws_and_draw_their_anaglyphs_anew(whole):
    plain, both = (
        next(train_loader(whole.train, anaglyphs=wanted, **SHAPE, **MOVING).epoch(0)) for wanted in (False, True)
    )
    np.testing.assert_array_equal(both.visible[:, :4], plain.visible)
    np.testing.assert_array_equal(both.infrared_joints, plain.infrared_joints)
    assert any((clip[4:] != np.stack(list(map(anaglyph_frame, clip[:4])))).mean() > 0.5 for clip in both.visible)
    still = next(train_loader(whole.train, anaglyphs=True, **SHAPE, **STILL).epoch(0))
    for clip in np.concatenate([still.visible, still.infrared]):
        np.testing.assert_array_equal(clip[4:], np.stack(list(map(anaglyph_frame, clip[:4]))))


def test_a_block_hides_the_anaglyph_as_well(whole):
    corruption = Corruption(occlusion=0.25)
    clip = next(iter(evaluation_loader(whole.query, anaglyphs=True, corruption=corruption, **SHAPE))).frames[0]
    first = whole.query.tracklets[0].frames[0]
    top, left, bottom, right = corruption.block(first, HEIGHT, WIDTH)
    assert (clip[:, top:bottom, left:right] == GREY).all()


def test_the_picture_of_a_batch_shows_them(whole, tmp_path: Path):
    widths = []
    for wanted in (False, True):
        batch = next(train_loader(whole.train, anaglyphs=wanted, **SHAPE, **STILL).epoch(0))
        widths.append(cv2.imread(str(augmented_sheet(batch, whole.train.identities, tmp_path / "sheet.png"))).shape[1])
    assert widths[1] > 1.9 * widths[0]

from typing import Any

import cv2
import numpy as np
import pytest
from support.loaders import train_loader

from star.data.coco_joints import BONES
from star.data.contact_sheet import augmented_sheet, contact_sheet
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.skeleton_picture import draw_skeleton
from star.errors import DataError


def _picture(path):
    image = cv2.imread(str(path))
    assert image is not None
    return image.astype(int)


def test_sheet_shows_people_of_train_and_test_with_skeletons(whole, tmp_path):
    drawn = _picture(contact_sheet(whole, tmp_path / "new" / "sheet.png", rows=4, frames=3))
    plain = _picture(contact_sheet(whole, tmp_path / "plain.png", rows=4, frames=3, skeletons=False))
    other = _picture(contact_sheet(whole, tmp_path / "other.png", rows=4, frames=3, skeletons=False, seed=1))
    assert drawn.shape == plain.shape == (4 * (192 + 22), 2 * 3 * 96 + 6, 3)
    for row in range(4):
        for column in range(2):
            place = np.s_[214 * row + 22 : 214 * (row + 1), 294 * column : 294 * column + 288]
            assert (drawn[place] != plain[place]).any()
    assert (plain != other).any()
    again = _picture(contact_sheet(whole, tmp_path / "again.png", rows=4, frames=3))
    assert np.array_equal(drawn, again)


def test_more_rows_than_people_and_bad_frames(tiny, tmp_path):
    data = read_hitsz_vcm(tiny.root)
    for tracklet in data.train.tracklets:
        (data.train.frames.path / f"{tracklet.frames[0]}.jpg").write_bytes(b"")
    sheet = _picture(contact_sheet(data, tmp_path / "sheet.png", rows=20, frames=2, skeletons=False))
    assert sheet.shape[0] == 7 * 214
    assert (sheet[22 + 30, 60] == 128).all() and not (sheet[22 + 30, 96 + 60] == 128).all()


def test_sheet_that_cannot_be_written(whole, tmp_path):
    (tmp_path / "sheet.png").mkdir()
    with pytest.raises(DataError, match=r"contact sheet .*sheet\.png cannot be written"):
        contact_sheet(whole, tmp_path / "sheet.png", rows=2, frames=1)


def _joints(confidence):
    joints = np.random.default_rng(0).uniform(10, 90, (17, 3))
    joints[:, 2] = confidence
    return joints


def test_drawing_passes_through_the_joints_and_leaves_the_frame():
    frame = np.zeros((100, 100, 3), np.uint8)
    joints = _joints(1.0)
    picture = draw_skeleton(frame, joints)
    assert not frame.any()
    for start, end in BONES:
        middle = ((joints[start, :2] + joints[end, :2]) / 2).astype(int)
        assert picture[middle[1] - 1 : middle[1] + 2, middle[0] - 1 : middle[0] + 2].max() > 60


def test_colour_says_confidence():
    frame = np.zeros((100, 100, 3), np.uint8)
    sure, unsure = (draw_skeleton(frame, _joints(c)).reshape(-1, 3).max(axis=0) for c in (1.0, 0.05))
    assert sure[1] > sure[0] and unsure[0] > unsure[1]


def test_missing_joints_are_not_drawn():
    frame = np.zeros((100, 100, 3), np.uint8)
    assert not draw_skeleton(frame, _joints(0.0)).any()
    assert not draw_skeleton(frame, np.full((17, 3), np.nan)).any()
    assert not draw_skeleton(frame, np.full((17, 3), [1e30, 5, 0.9])).any()


def test_augmented_sheet_shows_the_frames_and_joints_of_the_batch(whole, tmp_path):
    shape: dict[str, Any] = {"frames": 3, "height": 48, "width": 24}
    loader = train_loader(whole.train, **shape, erase=0.0, workers=1, geometry="frame")
    batch = next(iter(loader.epoch(0)))
    drawn = _picture(augmented_sheet(batch, whole.train.identities, tmp_path / "new" / "drawn.png", rows=3))
    bare = batch._replace(visible_joints=0 * batch.visible_joints, infrared_joints=0 * batch.infrared_joints)
    plain = _picture(augmented_sheet(bare, whole.train.identities, tmp_path / "plain.png", rows=3))
    assert drawn.shape == plain.shape == (3 * (192 + 22), 2 * 3 * 96 + 6, 3)
    for row in range(3):
        for half, (clips, joints) in enumerate(
            ((batch.visible, batch.visible_joints), (batch.infrared, batch.infrared_joints))
        ):
            for column in range(3):
                top, left = 214 * row + 22, 294 * half + 96 * column
                place = np.s_[top : top + 192, left : left + 96]
                frame = cv2.resize(plain[place].astype(np.uint8), (24, 48), interpolation=cv2.INTER_AREA)
                assert np.abs(frame[..., ::-1].astype(int) - clips[row, column]).max() <= 1
                x, y = (joints[row, column, 8, :2] * (96, 192)).astype(int)
                assert (drawn[top + y, left + x] != plain[top + y, left + x]).any()

import cv2
import numpy as np
import pytest
from support.tiny_vcm import write_jpeg, write_tiny_vcm

from star.data.skeleton_stores import HDF5_FILES, SkeletonWriter
from star.errors import DataError
from star.pose.frame_list import list_frames
from star.pose.picture import draw_random_skeletons

GREEN = (40, 230, 60)


@pytest.fixture
def made(tmp_path):
    """Two black identities in train and test, confident skeletons in the infrared frames only."""
    tiny = write_tiny_vcm(tmp_path / "vcm", identities=2, test_identities=2, tracklets=1, frames=12)
    frames = list_frames(tiny.root)
    files = {split: tmp_path / name for split, name in HDF5_FILES.items()}
    steps = np.linspace(0.2, 0.8, 17)
    for split, listed in frames.items():
        sha = listed.index_sha256
        with SkeletonWriter(files[split], estimator="e", version="7", index_sha256=sha) as writer:
            for key in listed.keys:
                write_jpeg(
                    (tiny.train if split == "train" else tiny.test) / f"{key}.jpg", np.zeros((90, 40, 3), np.uint8)
                )
                if "/ir/" in key:
                    writer.write(key, np.stack([steps * 40, steps * 90, np.ones(17)], axis=1))
    return tiny, frames, files


def read(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_both_modalities_are_shown_with_what_was_found(made, tmp_path):
    _, frames, files = made
    picture = read(draw_random_skeletons(frames, files, tmp_path / "a.png", columns=5))
    assert picture.shape[1] == 5 * 144 and picture.shape[0] % 4 == 0
    green = (np.abs(picture.astype(int) - GREEN) < 30).all(axis=2)
    half = len(picture) // 2
    assert not green[:half].any(), "visible frames have no skeleton"
    assert green[half:].any()
    row = green[half : half + half // 2, :144]
    height, width = 256, 256 * 40 / 90
    left = (144 - width) / 2
    y, x = np.nonzero(row)
    assert abs(y.min() - (18 + 0.2 * height)) < 6 and abs(y.max() - (18 + 0.8 * height)) < 6
    assert abs(x.min() - (left + 0.2 * width)) < 6 and abs(x.max() - (left + 0.8 * width)) < 6


def test_the_choice_follows_the_seed(made, tmp_path):
    _, frames, files = made
    one, two, other = (
        draw_random_skeletons(frames, files, tmp_path / f"{name}.png", columns=3, seed=seed).read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one == two != other


def test_frames_that_cannot_be_decoded_are_left_out(made, tmp_path):
    tiny, frames, files = made
    for path in tiny.root.rglob("rgb/D1/[2-9].jpg"):
        path.write_bytes(b"")
    for path in tiny.root.rglob("rgb/D1/1?.jpg"):
        path.write_bytes(b"")
    picture = read(draw_random_skeletons(frames, files, tmp_path / "a.png", columns=5))
    assert len(picture) == 3 * (256 + 18), "one row of four visible frames, two of infrared ones"


def test_a_place_that_cannot_be_written(made, tmp_path):
    _, frames, files = made
    with pytest.raises(DataError, match=r"a\.png cannot be written"):
        draw_random_skeletons(frames, files, tmp_path / "nowhere" / "a.png")

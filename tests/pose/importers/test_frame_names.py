from pathlib import Path

import pytest

from star.data.frames import FolderFrames
from star.pose.frame_list import FrameList
from star.pose.importers.frame_names import Frame, FrameNames

KEYS = ("0001/ir/D2/1", "0001/ir/D2/2", "0001/rgb/D1/1", "0002/rgb/D3/7")
NAMES = ("0001M1D2T1F1.jpg", "0001M1D2T1F2.jpg", "0001M2D1T1F1.jpg", "0002M2D3T1F7.jpg")


def listed(keys, names=()) -> FrameList:
    return FrameList(tuple(keys), tuple(names), FolderFrames(Path("frames")), "")


@pytest.fixture(scope="module")
def frames() -> FrameNames:
    return FrameNames({"train": listed(KEYS, NAMES), "test": listed(["0009/ir/D1/3"])})


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("0001/ir/D2/1", "0001/ir/D2/1"),
        ("0001/ir/D2/1.jpg", "0001/ir/D2/1"),
        ("/data/VCM/Train/0001/ir/D2/1.JPG", "0001/ir/D2/1"),
        ("VCM\\Train\\0001\\rgb\\D1\\1.png", "0001/rgb/D1/1"),
        ("./0001/rgb/D1//1.jpg", "0001/rgb/D1/1"),
        ("0001M1D2T1F2.jpg", "0001/ir/D2/2"),
        ("renamed/0001M2D1T1F1", "0001/rgb/D1/1"),
        ("0001_ir_D2_2", "0001/ir/D2/2"),
        ("out/0001_ir_D2_2.npy.jpg", None),
        ("rgb/D1/1.jpg", "0001/rgb/D1/1"),
        ("D3/7", "0002/rgb/D3/7"),
        ("7.jpg", "0002/rgb/D3/7"),
        ("2", "0001/ir/D2/2"),
        ("3.jpg", "0009/ir/D1/3"),
        ("0003/ir/D2/1.jpg", None),
        ("9999/rgb/D3/7.jpg", None),
        ("other/7.jpg", None),
        ("8.jpg", None),
        ("", None),
        ("/", None),
    ],
)
def test_names_and_paths_find_their_frame(frames, image, key):
    assert [frame.key for frame in frames.find(image)] == ([key] if key else [])


def test_a_base_name_of_two_folders_is_not_sure(frames):
    assert frames.find("1.jpg") == [Frame("train", "0001/ir/D2/1"), Frame("train", "0001/rgb/D1/1")]


def test_a_key_of_both_splits_is_told_apart_by_the_folder_before_it():
    frames = FrameNames({"train": listed(KEYS[:1]), "test": listed(KEYS[:1])})
    assert len(frames.find("0001/ir/D2/1.jpg")) == len(frames.find("x/0001/ir/D2/1.jpg")) == 2
    assert frames.find("vcm/Test/0001/ir/D2/1.jpg") == [Frame("test", "0001/ir/D2/1")]
    assert frames.find("train/0001_ir_D2_1.npy") == []
    assert frames.find("train/0001_ir_D2_1") == [Frame("train", "0001/ir/D2/1")]


@pytest.mark.parametrize("between", ["predictions", "sep-json", "json"])
def test_a_folder_that_a_program_puts_between(frames: FrameNames, between: str):
    for before in ("", "OUT/", "OUT/Test/"):
        assert frames.find(f"{before}0009/ir/D1/{between}/3") == [Frame("test", "0009/ir/D1/3")]
    assert frames.find(f"0009/ir/D1/{between}/more/3") == []

"""Frames of data sets that came with other suffixes, in the index, on disk or both."""

import json

import cv2
import numpy as np
import pytest
from support.tiny_bupt import write_tiny_bupt
from support.tiny_vcm import write_tiny_vcm

from star.data.bupt_campus import read_bupt_campus
from star.data.decode import load_frame
from star.data.hitsz_vcm import read_hitsz_vcm
from star.errors import DataError
from star.pose.frame_list import list_frames

SUFFIXES = (".JPG", ".jpeg", ".JPEG", ".Jpg", ".png", ".PNG")


def rename(folder, suffix):
    """Give every frame another suffix; PNG files are written anew. Gives the pixels by path without suffix."""
    pixels = {}
    for path in folder.rglob("*.jpg"):
        frame = cv2.imread(str(path))
        pixels[str(path.with_suffix(""))] = frame[..., ::-1]
        if suffix.lower() == ".png":
            path.with_suffix(suffix).write_bytes(cv2.imencode(".png", frame)[1].tobytes())
            path.unlink()
        else:
            path.rename(path.with_suffix(suffix))
    return pixels


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("where", ["index", "disk", "both"])
def test_hitsz_vcm(tmp_path, suffix, where):
    tiny = write_tiny_vcm(tmp_path / "vcm")
    if where != "index":
        pixels = rename(tiny.root, suffix)
    if where != "disk":
        for path in tiny.index.glob("*_name.txt"):
            path.write_text(path.read_text().replace(".jpg", suffix))
    data = read_hitsz_vcm(tiny.root, min_frames=1)
    for split in data.splits:
        for key in split.tracklets[0].frames:
            frame = load_frame(split.frames, key)
            if where != "index":
                assert np.array_equal(frame, pixels[f"{split.frames.path}/{key}"])
    listed = list_frames(tiny.root)["train"]
    assert load_frame(listed.frames, listed.keys[0]).shape == (48, 24, 3)


def test_a_frame_that_differs_from_the_others_is_named_with_what_is_there(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm")
    odd = tiny.train / "0001" / "ir" / "D2" / "7.jpg"
    odd.rename(odd.with_suffix(".JPG"))
    data = read_hitsz_vcm(tiny.root, min_frames=1)
    with pytest.raises(DataError, match=r"7\.jpg is missing; there is 0001/ir/D2/7\.JPG, but one data set has one suf"):
        data.train.frames.read("0001/ir/D2/7")


def test_what_a_mac_left_is_no_frame(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm")
    rename(tiny.root, ".JPG")
    for path in list(tiny.root.rglob("*.JPG")):
        path.with_name(f"._{path.stem}.jpg").write_bytes(b"\0\5\26\7")
    data = read_hitsz_vcm(tiny.root, min_frames=1)
    assert load_frame(data.train.frames, "0001/ir/D2/1").shape == (48, 24, 3)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("where", ["index", "disk", "both"])
def test_bupt_campus(tmp_path, suffix, where):
    root = write_tiny_bupt(tmp_path / "BUPTCampus").root
    if where != "index":
        rename(root, suffix)
    if where != "disk":
        table = (root / "data_paths.json").read_text()
        (root / "data_paths.json").write_text(table.replace(".jpg", suffix))
        assert suffix in str(json.loads((root / "data_paths.json").read_text()))
    data = read_bupt_campus(root)
    assert not any("not on disk" in note for note in data.notes)
    for split in data.splits:
        assert load_frame(split.frames, split.tracklets[0].frames[0]).ndim == 3


def test_made_infrared_frames_may_have_a_suffix_of_their_own(tmp_path):
    root = write_tiny_bupt(tmp_path / "BUPTCampus").root
    for folder in root.glob("DATA/*/FakeIR"):
        rename(folder, ".png")
    data = read_bupt_campus(root, fake_infrared=True)
    names = {split.frames.name(t.frames[0]).rpartition(".")[2] for split in data.splits for t in split.tracklets}
    assert names == {"jpg", "png"} and not any("not on disk" in note for note in data.notes)

"""Folders of tracklets as splits."""

from __future__ import annotations

import os

import numpy as np
import pytest
from support.footage import write_tracklets
from support.tiny_vcm import write_jpeg

from star.errors import DataError
from star.footage.tracklet_folder import read_tracklets, tracklet_name


def test_every_folder_with_frames_is_a_tracklet_and_frames_are_in_the_order_of_their_numbers(tmp_path):
    write_tracklets(tmp_path, {"b/night 2": (9, 9, 9), "b/night 10": (8, 8, 8), "a": (7, 7, 7)}, frames=11)
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "a" / "._3.jpg").write_bytes(b"x")
    (tmp_path / "a" / "notes.txt").write_text("x")
    (tmp_path / "a" / "10.jpg").rename(tmp_path / "a" / "10.JPG")
    (tmp_path / "empty").mkdir()
    split = read_tracklets(tmp_path, "infrared")
    assert [tracklet_name(tracklet) for tracklet in split.tracklets] == ["a", "b/night 2", "b/night 10"]
    names = [key.rpartition("/")[2] for key in split.tracklets[0].frames]
    assert names == ["1.jpg", *(f"{n}.jpg" for n in range(2, 10)), "10.JPG", "11.jpg"]
    assert split.frames.name("a/10.JPG") == str(tmp_path / "a" / "10.JPG") and split.frames.read("a/10.JPG")
    assert {(t.modality, t.identity) for t in split.tracklets} == {("infrared", -1)}


def test_a_folder_whose_name_is_not_utf_8_is_named(tmp_path):
    write_tracklets(tmp_path / "people", {"a": (7, 7, 7)}, frames=1)
    (tmp_path / "people" / "a").rename(tmp_path / "people" / os.fsdecode(b"a\xe9"))
    with pytest.raises(DataError, match=r"people: given folder a\\xe9, expected a name in UTF-8"):
        read_tracklets(tmp_path / "people", "visible")


def test_hidden_folders_are_no_tracklets(tmp_path):
    shown = {"a": (7, 7, 7), ".thumbnails/a": (7, 7, 7), "b/.vid.npz.unfinished/tracklets/1": (7, 7, 7)}
    write_tracklets(tmp_path / ".people", shown, frames=1)
    (tmp_path / ".people" / "a" / ".1.jpg").write_bytes(b"x")
    assert [tracklet.frames for tracklet in read_tracklets(tmp_path / ".people", "visible").tracklets] == [("a/1.jpg",)]


def test_a_folder_that_links_lead_to_is_one_tracklet(tmp_path):
    folder = write_tracklets(tmp_path / "people", {"a": (7, 7, 7), "b/1": (8, 8, 8)}, frames=1)
    elsewhere = write_tracklets(tmp_path / "elsewhere", {"10/x": (9, 9, 9), "9": (9, 9, 9)}, frames=1)
    (folder / "a" / "up").symlink_to("..")
    (folder / "a" / "1").symlink_to(folder / "b" / "1")
    (folder / "a" / "of others").symlink_to(elsewhere)
    names = [tracklet_name(tracklet) for tracklet in read_tracklets(folder, "visible").tracklets]
    assert names == ["a", "a/of others/9", "a/of others/10/x", "b/1"]


def test_a_folder_that_is_none_of_tracklets_is_named(tmp_path):
    with pytest.raises(DataError, match="is missing"):
        read_tracklets(tmp_path / "absent", "visible")
    with pytest.raises(DataError, match=r"has no tracklet: expected folders with frames \(.jpg, .jpeg, .png\)"):
        read_tracklets(tmp_path, "visible")
    write_jpeg(tmp_path / "1.jpg", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(DataError, match=r"has frames of its own \(1.jpg\): expected one folder of frames"):
        read_tracklets(tmp_path, "visible")

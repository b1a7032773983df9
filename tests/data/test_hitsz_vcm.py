import re
import shutil
import time

import numpy as np
import pytest
from support.tiny_vcm import write_tiny_vcm

from star.data import hitsz_vcm
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.index import INDEX_FILES, read_names, read_tracks
from star.data.subset import limit_identities
from star.errors import DataError


@pytest.mark.parametrize("layout", ["info", "flat"])
def test_both_layouts_give_the_same_tracklets(tmp_path, layout):
    folders = write_tiny_vcm(tmp_path / "vcm", identities=2, test_identities=2, frames=12, tracklets=2, layout=layout)
    data = read_hitsz_vcm(folders.root)
    assert data.train.frames.path == folders.train and data.query.frames.path == folders.test
    assert [len(split.tracklets) for split in (data.train, data.query, data.gallery)] == [8, 4, 4]
    assert {t.modality for t in data.query.tracklets} == {"infrared"}
    assert {t.modality for t in data.gallery.tracklets} == {"visible"}
    first, third = data.train.tracklets[0], data.train.tracklets[2]
    assert (first.identity, first.camera, first.modality) == (1, 2, "infrared")
    assert first.frames == tuple(f"0001/ir/D2/{n}" for n in range(1, 13))
    assert third.frames[0] == "0001/rgb/D1/1" and third.camera == 1
    assert data.train.identities == (1, 2) and data.query.identities == (3, 4)
    assert all((data.train.frames.path / f"{key}.jpg").is_file() for t in data.train.tracklets for key in t.frames)
    assert data.train.skeletons is None and data.notes == ()


def test_gallery_is_what_the_query_numbers_leave(tiny):
    data = read_hitsz_vcm(tiny.root)
    test = [t for s in (data.query, data.gallery) for t in s.tracklets]
    tracks = read_tracks(tiny.index / "track_test_info.txt", read_names(tiny.index / "test_name.txt")).tracklets
    assert sorted(test) == sorted(tracks)


def test_infrared_tracks_that_are_no_queries_are_left_out_and_said(tiny):
    (tiny.index / "query_IDX.txt").write_text("1\n5\n")
    data = read_hitsz_vcm(tiny.root)
    assert len(data.query.tracklets) == 2 and len(data.gallery.tracklets) == 6
    assert any("4 infrared test tracks are not queries" in note for note in data.notes)


def test_short_tracklets_leave_every_part(tmp_path):
    folders = write_tiny_vcm(tmp_path / "vcm", frames=12)
    for name, line, short in (
        ("track_train_info.txt", 1, "1 1 11 1 2"),
        ("track_test_info.txt", 1, "1 1 11 5 2"),
        ("track_test_info.txt", 3, "2 25 35 5 1"),
    ):
        lines = (folders.index / name).read_text().splitlines()
        lines[line - 1] = short
        (folders.index / name).write_text("\n".join(lines))
    data = read_hitsz_vcm(folders.root)
    assert [len(s.tracklets) for s in (data.train, data.query, data.gallery)] == [15, 5, 5]
    longer = read_hitsz_vcm(folders.root, min_frames=11)
    assert [len(s.tracklets) for s in (longer.train, longer.query, longer.gallery)] == [16, 6, 6]
    assert data.protocol != longer.protocol
    with pytest.raises(DataError, match="no train tracklet has 13 frames or more"):
        read_hitsz_vcm(folders.root, min_frames=13)


def test_limit_keeps_the_lowest_identities_of_train_and_test(tiny):
    data = limit_identities(read_hitsz_vcm(tiny.root), 2)
    assert data.train.identities == (1, 2)
    assert data.query.identities == data.gallery.identities == (5, 6)
    assert data.protocol.endswith("first 2 identities")


def test_identities_of_one_modality_are_noted(tiny):
    path = tiny.index / "track_train_info.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-2]))
    assert any("1 of 4 training identities" in note and ": 4" in note for note in read_hitsz_vcm(tiny.root).notes)


def test_fingerprint_follows_index_and_skeletons_but_not_the_place(tiny, tmp_path, edit):
    before = read_hitsz_vcm(tiny.root).fingerprint
    moved = tmp_path / "elsewhere"
    shutil.copytree(tiny.root, moved)
    assert read_hitsz_vcm(moved).fingerprint == before
    edit(moved / "info" / "track_train_info.txt", 1, "1 1 11 1 2")
    assert read_hitsz_vcm(moved).fingerprint != before
    for file in tiny.root.glob("*.h5"):
        file.unlink()
    assert read_hitsz_vcm(tiny.root).fingerprint != before


@pytest.mark.parametrize(
    ("given", "message"),
    [(None, "dataset.root is not set"), ("", "dataset.root is not set"), ("nowhere", "nowhere, which is not a folder")],
)
def test_root_that_is_no_folder(given, message):
    with pytest.raises(DataError, match=message):
        read_hitsz_vcm(given)


@pytest.mark.parametrize("name", INDEX_FILES)
def test_missing_and_empty_index_files_are_named(tiny, name):
    (tiny.index / name).write_text(" \n")
    with pytest.raises(DataError, match=f"{re.escape(name)} is empty"):
        read_hitsz_vcm(tiny.root)
    (tiny.index / name).unlink()
    with pytest.raises(DataError, match=f"{re.escape(name)} missing"):
        read_hitsz_vcm(tiny.root)


@pytest.mark.parametrize(
    ("name", "line", "text", "message"),
    [
        ("train_name.txt", 3, "0001M1D2F3.jpg", r"train_name\.txt:3: given '0001M1D2F3\.jpg', expected a name like"),
        ("train_name.txt", 3, "", r"train_name\.txt:3: given an empty line"),
        (
            "train_name.txt",
            3,
            f"{'9' * 23}M1D1T1F1.jpg",
            r"train_name\.txt:3: given '9+M1D1T1F1\.jpg', expected a name",
        ),
        ("train_name.txt", 3, f"0001M1D1T1F{'9' * 19}.jpg", r"train_name\.txt:3: given .* at most 18 digits"),
        ("train_name.txt", 3, "000١M1D2T1F3.jpg", r"train_name\.txt:3: given '000١M1D2T1F3\.jpg', expected a name"),
        (
            "train_name.txt",
            3,
            "0001M1D2T1F2.png",
            r"train_name\.txt:3: given 0001M1D2T1F2\.png, and 0001M1D2T1F2\.jpg before; they differ in their suffix",
        ),
        (
            "train_name.txt",
            3,
            "0009M1D2T1F3.jpg",
            r"track_train_info\.txt:1: the track is of identity 1, .*_name\.txt:3",
        ),
        ("train_name.txt", 3, "0001M2D2T1F3.jpg", r"track_train_info\.txt:1: the track is infrared .*_name\.txt:3"),
        ("track_train_info.txt", 2, "1 13 24 1", r"track_train_info\.txt:2: given '1 13 24 1', expected five numbers"),
        ("track_train_info.txt", 2, f"1 13 24 1 {'9' * 5000}", r"track_train_info\.txt:2: .* at most 18 digits"),
        ("track_train_info.txt", 2, "1 13 24 ١ 2", r"track_train_info\.txt:2: given '1 13 24 ١ 2', expected five"),
        ("track_train_info.txt", 2, "1 13 x 1 2", r"track_train_info\.txt:2: given '1 13 x 1 2'"),
        ("track_train_info.txt", 2, "1 13 999 1 2", r"track_train_info\.txt:2: given frames 13 to 999, .* 1 and 192"),
        ("track_train_info.txt", 2, "1 0 12 1 2", r"track_train_info\.txt:2: given frames 0 to 12"),
        ("track_test_info.txt", 2, "1 20 13 5 2", r"track_test_info\.txt:2: given frames 20 to 13"),
        ("track_test_info.txt", 2, "1 13 24 6 2", r"track_test_info\.txt:2: the track is of identity 6"),
        ("query_IDX.txt", 1, "1 99", r"query_IDX\.txt:1: given query track 99, expected a number between 1 and 12"),
        ("query_IDX.txt", 1, "0 1", r"query_IDX\.txt:1: given query track 0"),
        ("query_IDX.txt", 1, "1 a", r"query_IDX\.txt:1: given 'a'"),
        ("query_IDX.txt", 1, "1 ٢", r"query_IDX\.txt:1: given '٢', expected track numbers"),
        ("query_IDX.txt", 1, "9" * 5000, r"query_IDX\.txt:1: given '9+', expected track numbers"),
        ("query_IDX.txt", 1, "1 1", r"query_IDX\.txt:1: query track 1 is given twice"),
        ("query_IDX.txt", 1, "1 3", r"query_IDX\.txt:1: query track 3 is visible"),
    ],
)
def test_lines_that_are_wrong_are_named(tiny, edit, name, line, text, message):
    edit(tiny.index / name, line, text)
    with pytest.raises(DataError, match=message):
        read_hitsz_vcm(tiny.root)


def test_binary_index_file(tiny):
    (tiny.index / "train_name.txt").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DataError, match=r"train_name\.txt is not text"):
        read_hitsz_vcm(tiny.root)


def test_windows_line_ends_are_read(tiny):
    before = read_hitsz_vcm(tiny.root).train.tracklets
    for name in INDEX_FILES:
        path = tiny.index / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_hitsz_vcm(tiny.root).train.tracklets == before


def test_other_camera_in_the_track_line_is_noted(tiny, edit):
    edit(tiny.index / "track_train_info.txt", 2, "1 13 24 1 5")
    data = read_hitsz_vcm(tiny.root)
    assert data.train.tracklets[1].camera == 5
    assert any("1 tracks give another camera" in note and "line 2" in note for note in data.notes)


def test_frames_and_tracks_that_are_listed_twice_are_noted(tiny, edit):
    for file in tiny.root.glob("*.h5"):
        file.unlink()
    first = (tiny.index / "train_name.txt").read_text().splitlines()[0]
    edit(tiny.index / "train_name.txt", 2, first)
    edit(tiny.index / "track_test_info.txt", 2, (tiny.index / "track_test_info.txt").read_text().splitlines()[0])
    edit(tiny.index / "query_IDX.txt", 1, "1 5 6 9 10")
    notes = read_hitsz_vcm(tiny.root).notes
    assert "train_name.txt: 1 frames are listed again (first: line 2, as line 1)" in notes
    assert not any(note.startswith("test_name.txt") for note in notes)
    assert "track_test_info.txt: 1 tracks are listed again (first: line 2, as line 1)" in notes


def test_frames_of_two_tracks_and_frames_out_of_order_are_noted(tiny, edit):
    """Off by one in the positions, and a list that is sorted as text: 1, 10, 11, 12, 2, ..."""
    edit(tiny.index / "track_train_info.txt", 2, "1 12 24 1 2")
    notes = read_hitsz_vcm(tiny.root).notes
    assert "track_train_info.txt: 1 frames are in more than one track (first: 0001M1D2T1F12.jpg)" in notes
    names = (tiny.index / "train_name.txt").read_text().splitlines()
    (tiny.index / "train_name.txt").write_text("\n".join([*sorted(names[:12]), *names[12:]]))
    for file in tiny.root.rglob("*.h5"):
        file.unlink()
    assert any(
        "in 1 tracks the frame numbers do not rise (first: line 1)" in n for n in read_hitsz_vcm(tiny.root).notes
    )


def test_frames_in_no_track_are_noted(tiny):
    """Of a track list that is cut, and of one whose last positions do not count the last frame."""
    path = tiny.index / "track_train_info.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-4]))
    notes = read_hitsz_vcm(tiny.root).notes
    assert "48 frames of train_name.txt are in no track of track_train_info.txt (first: line 145)" in notes
    words = [line.split() for line in lines]
    path.write_text("\n".join(f"{m} {first} {int(last) - 1} {who} {camera}" for m, first, last, who, camera in words))
    notes = read_hitsz_vcm(tiny.root, min_frames=11).notes
    assert notes == ("16 frames of train_name.txt are in no track of track_train_info.txt (first: line 12)",)


def test_identities_in_both_parts_are_noted(tmp_path):
    root = write_tiny_vcm(tmp_path / "vcm", identities=2, test_identities=2).root
    for name in ("test_name.txt", "track_test_info.txt"):
        path = root / "info" / name
        path.write_text(path.read_text().replace("0003M", "0002M").replace(" 3 ", " 2 "))
    (root / "Test" / "0003").rename(root / "Test" / "0002")
    notes = read_hitsz_vcm(root).notes
    assert any(note.startswith("1 identities are in both training and test (first: 2)") for note in notes)


def test_frames_of_another_place(tiny):
    tiny.train.rename(tiny.root / "Trein")
    with pytest.raises(DataError, match="no folder .*Train.0001"):
        read_hitsz_vcm(tiny.root)


def test_published_counts_are_checked_only_where_one_is_met(tiny, monkeypatch):
    assert read_hitsz_vcm(tiny.root).notes == ()
    monkeypatch.setattr(hitsz_vcm, "_PUBLISHED_RAW", {"train": 16, "query": 6, "gallery": 7})
    notes = read_hitsz_vcm(tiny.root).notes
    assert any("6 gallery tracklets before the filter, 7 published" in note for note in notes)
    assert any("8 infrared train tracklets, 4,291 published" in note for note in notes)
    assert not any("query tracklets before" in note for note in notes)


def test_the_full_name_lists_are_read_in_seconds(tmp_path):
    names = [f"{1 + n // 400:04d}M{1 + n // 200 % 2}D{1 + n // 50 % 6}T{n // 24}F{n}.jpg" for n in range(460_000)]
    (tmp_path / "names.txt").write_text("\n".join(names))
    start = time.process_time()
    listed = read_names(tmp_path / "names.txt")
    assert time.process_time() - start < 5
    assert listed.keys[-1] == "1150/rgb/D2/459999"
    assert np.array_equal(listed.identities[[0, -1]], [1, 1150])


@pytest.mark.data
def test_real_index(shared):
    data = read_hitsz_vcm(shared / "data" / "m3svd_vcm")
    assert [len(s.tracklets) for s in (data.train, data.query, data.gallery)] == [62, 22, 22]
    assert len(data.train.identities) == 14 and len(data.query.identities) == 11
    assert all(
        (s.frames.path / f"{t.frames[0]}.jpg").is_file() for s in (data.train, data.gallery) for t in s.tracklets
    )

"""Packs that are cut, changed or something else: one sentence that names the file, never a wrong frame."""

import errno
import os
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.loaders import evaluation_loader
from support.packing import OPTIONS, pack_one
from support.tiny_vcm import write_tiny_vcm

from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.pack.archive import Record
from star.data.pack.store import Pack
from star.data.pack.verify import verify_pack
from star.errors import DataError

CUTS = 40
FLIPS = 60


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    root = write_tiny_vcm(folder / "vcm", skeletons=True).root
    pack_one(read_hitsz_vcm(root), folder / "a.pack", root)
    return folder / "a.pack"


@pytest.fixture(scope="module")
def content(good) -> bytes:
    return good.read_bytes()


def _place(pack: Pack, row: int) -> Record:
    record = pack.record(row)
    assert record is not None
    return record


def _points(count, length, seed):
    return random.Random(seed).sample(range(1, length), count)


@pytest.mark.parametrize("number", range(CUTS))
def test_a_truncated_pack_is_not_opened(content, tmp_path, number):
    path = tmp_path / "a.pack"
    near_the_end = [len(content) - back for back in (1, 5, 64, 87, 88, 200, 5000)]
    point = [*near_the_end, *_points(CUTS, len(content), 0)][number]
    path.write_bytes(content[:point])
    with pytest.raises(DataError, match=rf"{path} (is truncated or was changed|is no pack)"):
        Pack(path)


@pytest.mark.parametrize("number", range(FLIPS))
def test_one_changed_bit_is_found_wherever_it_is(good, content, tmp_path, number):
    path = tmp_path / "a.pack"
    ends = [len(content) - back for back in (1, 10, 20, 30, 40, 60, 70, 80, 87, 100)]
    point = [*ends, *_points(FLIPS, len(content), 1)][number]
    damaged = bytearray(content)
    damaged[point] ^= 1 << number % 8
    path.write_bytes(damaged)
    try:
        pack = Pack(path)
    except DataError as error:
        assert str(path) in str(error)
        return
    messages = verify_pack(pack)
    rows = [row for row in range(len(pack)) if _place(pack, row).start <= point < _place(pack, row).end]
    assert len(messages) == 1 and str(path) in messages[0]
    for row in rows:
        assert pack.name(row) in messages[0]
    if "(checksum)" in messages[0]:
        with pytest.raises(DataError, match=r"is damaged \(checksum\)"):
            pack.read(rows[0])
    intact = Pack(good)
    assert all(pack.read(row) == intact.read(row) for row in set(range(len(pack))) - set(rows))


def test_an_intact_pack_has_nothing_to_complain_about(good):
    done = []
    assert verify_pack(Pack(good), lambda frames, total: done.append((frames, total))) == []
    assert done == [(256, 336), (336, 336)]


def test_every_damaged_frame_is_named(good, content, tmp_path):
    intact, damaged = Pack(good), bytearray(content)
    rows = range(0, 300, 7)
    for row in rows:
        damaged[_place(intact, row).offset + 30] ^= 255
    (tmp_path / "a.pack").write_bytes(damaged)
    pack = Pack(tmp_path / "a.pack")
    assert verify_pack(pack) == [f"frame {pack.name(row)} is damaged (checksum)" for row in rows]


FOREIGN = {
    "empty": b"",
    "text": b"text",
    "jpeg": b"\xff\xd8\xff\xe0" + b"0" * 500,
    "hdf5": b"\x89HDF\r\n\x1a\n" + b"0" * 500,
    "zeros": b"\0" * 4096,
    "zip signature": b"PK\3\4" + b"\0" * 4096,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_files_are_no_packs(tmp_path, name):
    (tmp_path / "a.pack").write_bytes(FOREIGN[name])
    with pytest.raises(DataError, match=r"a\.pack is no pack: \d+ bytes that do not begin like one"):
        Pack(tmp_path / "a.pack")


def test_another_zip_file_is_no_pack(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pack", "w") as file:
        file.writestr("frame.jpg", b"0" * 100)
    with pytest.raises(DataError, match=r"a\.pack is no pack"):
        Pack(tmp_path / "a.pack")


def test_missing_and_folder(tmp_path):
    with pytest.raises(DataError, match="none.pack cannot be read: No such file"):
        Pack(tmp_path / "none.pack")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        Pack(tmp_path)


def test_permission(good, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DataError, match="a.pack cannot be read: Permission denied"):
        Pack(good)


@pytest.mark.parametrize("change", ["appended", "bytes removed", "two packs"])
def test_longer_shorter_and_joined(content, tmp_path, change):
    changed = {
        "appended": content + b"more",
        "bytes removed": content[:9000] + content[9100:],
        "two packs": content + content,
    }
    (tmp_path / "a.pack").write_bytes(changed[change])
    with pytest.raises(DataError, match="a.pack is (truncated or was changed|damaged)"):
        Pack(tmp_path / "a.pack")


def test_a_later_format_is_named(content, tmp_path):
    (tmp_path / "a.pack").write_bytes(content.replace(b"star-pack   1 index", b"star-pack   2 index"))
    with pytest.raises(DataError, match="a.pack has format 2, expected 1; make it anew"):
        Pack(tmp_path / "a.pack")


def test_a_disk_that_fails_while_reading(good, monkeypatch):
    pack = Pack(good)

    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(DataError, match=r"frame .*a.pack/Train/.*jpg cannot be read: Input/output error"):
        pack.read(3)


def test_a_file_cut_while_it_is_open(content, tmp_path):
    (tmp_path / "a.pack").write_bytes(content)
    pack = Pack(tmp_path / "a.pack")
    pack.read(300)
    os.truncate(tmp_path / "a.pack", _place(pack, 300).offset + 10)
    with pytest.raises(DataError, match=r"is damaged \(checksum\)"):
        pack.read(300)


def test_frames_that_are_not_there(good):
    frames = Pack(good).view(OPTIONS).train.frames
    with pytest.raises(DataError, match=r"frame 9999/ir/D1/1 is not in pack .*a\.pack"):
        frames.read("9999/ir/D1/1")
    assert frames.name("9999/ir/D1/1").endswith("a.pack/9999/ir/D1/1")


@pytest.fixture
def damaged(good, content, tmp_path):
    """A pack whose first query's fourth frame is damaged."""
    pack = Pack(good)
    name = pack.view(OPTIONS).query.tracklets[0].frames[3]
    row = pack.rows_of(1)[name]
    changed = bytearray(content)
    changed[_place(pack, row).offset + 100] ^= 255
    (tmp_path / "a.pack").write_bytes(changed)
    return Pack(tmp_path / "a.pack").view(OPTIONS)


def _clips(data, policy):
    loader = evaluation_loader(data.query, frames=4, height=48, width=24, batch=4, workers=2, on_bad_frame=policy)
    return next(iter(loader)).frames, loader.counts


def test_a_damaged_frame_stops_the_loader_or_is_skipped_and_counted(damaged, good):
    with pytest.raises(DataError, match=r"a.pack/Test/.*jpg is damaged \(checksum\).*on_bad_frame=skip"):
        _clips(damaged, "stop")
    clips, counts = _clips(damaged, "skip")
    whole, _ = _clips(Pack(good).view(OPTIONS), "stop")
    assert np.array_equal(clips[0], whole[0][[0, 0, 2, 3]]) and np.array_equal(clips[1:], whole[1:])
    assert counts["bad_files"] == 1 and counts["bad_frames"] == 1

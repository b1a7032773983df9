"""Packs that are cut, changed or something else: one sentence that names the file, never a wrong frame."""

import errno
import json
import os
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.loaders import evaluation_loader
from support.packing import frame_names, pack_one, unpack
from support.tiny_vcm import write_tiny_vcm

from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.pack.archive import data_end, data_start
from star.data.pack.reader import Pack
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


def _points(count, length, seed):
    return random.Random(seed).sample(range(1, length), count)


@pytest.mark.parametrize("number", range(CUTS))
def test_a_truncated_pack_is_not_opened(content, tmp_path, number):
    path = tmp_path / "a.pack"
    near_the_end = [len(content) - back for back in (1, 5, 64, 86, 87, 200, 5000)]
    point = [*near_the_end, *_points(CUTS, len(content), 0)][number]
    path.write_bytes(content[:point])
    with pytest.raises(DataError, match=rf"{path} is no pack, or one that is cut or damaged"):
        Pack(path)


@pytest.mark.parametrize("number", range(FLIPS))
def test_one_changed_bit_is_found_wherever_it_is(good, content, tmp_path, number):
    path = tmp_path / "a.pack"
    ends = [len(content) - back for back in (1, 10, 20, 64, 65, 66, 70, 75, 86, 100)]
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
    names = [r.filename for r in pack.records() if r.header_offset <= point < data_end(r)]
    assert len(messages) == 1 and str(path) in messages[0]
    assert all(f"{path}/{name} is damaged" in messages[0] for name in names)
    if "(checksum)" in messages[0]:
        with pytest.raises(DataError, match=r"is damaged \(checksum\)"):
            pack.read(names[0])
    intact, others = Pack(good), [r.filename for r in pack.records() if r.filename not in names]
    assert all(pack.read(name) == intact.read(name) for name in others)


def test_an_intact_pack_has_nothing_to_complain_about(good):
    done = []
    assert verify_pack(Pack(good), lambda frames, total: done.append((frames, total))) == []
    assert done == [(256, 343), (343, 343)]


def test_every_damaged_frame_is_named(good, content, tmp_path):
    intact, damaged = Pack(good), bytearray(content)
    records = intact.records()[1:300:7]
    for record in records:
        damaged[data_start(record) + 30] ^= 255
    (tmp_path / "a.pack").write_bytes(damaged)
    pack = Pack(tmp_path / "a.pack")
    assert verify_pack(pack) == [f"{pack.path}/{record.filename} is damaged (checksum)" for record in records]


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
    with pytest.raises(DataError, match=r"a\.pack is no pack, or one that is cut"):
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
    with pytest.raises(DataError, match="a.pack is no pack, or one that is cut or damaged"):
        Pack(tmp_path / "a.pack")


def test_a_later_format_is_named(good, tmp_path, monkeypatch):
    monkeypatch.setattr("star.data.pack.reader.FORMAT", 1)
    with pytest.raises(DataError, match="a.pack has format 2, expected 1; make it anew"):
        Pack(good)


@pytest.mark.parametrize(
    ("plan", "command"),
    [
        ({"dataset": "hitsz_vcm", "storage": "frames as they are"}, "dataset=hitsz_vcm dataset.root=ROOT pack.out={}"),
        (
            {"dataset": "bupt_campus", "storage": "frames stored at 288x144 as JPEG of quality 90"},
            "dataset=bupt_campus dataset.root=ROOT pack.out={} 'pack.size=[288,144]' pack.quality=90",
        ),
        (
            {"dataset": "synthetic", "storage": "frames stored at 64x32 uncompressed"},
            "dataset=synthetic pack.out={} 'pack.size=[64,32]' pack.encoding=raw",
        ),
        (None, "dataset=hitsz_vcm dataset.root=ROOT pack.out={}"),
    ],
    ids=["as they are", "jpeg", "raw", "damaged"],
)
def test_a_pack_of_the_earlier_version_is_refused_with_the_command_for_a_new_one(tmp_path, plan, command):
    path = tmp_path / "a.pack"
    with zipfile.ZipFile(path, "w") as file:
        first = zipfile.ZipInfo("star-pack/plan.json")
        first.extra = struct.pack("<2H2L", 0x7453, 8, 0, 0)
        file.writestr(first, json.dumps({"format": 1, **plan}) if plan else "damaged")
        file.writestr("Train/0001/ir/D2/1.jpg", b"0" * 100)
        file.comment = b"star-pack   1 index 00000000000000043980 000000001234 0badcafe"
    with pytest.raises(DataError, match="a.pack is a pack of an earlier version, which is no longer read") as error:
        Pack(path)
    assert str(error.value).endswith(f": star-pack {command.format(path)}")


def test_a_disk_that_fails_while_reading(good, monkeypatch):
    pack, name = Pack(good), frame_names(good)[3]

    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(DataError, match=rf"a.pack/{name} cannot be read: Input/output error"):
        pack.read(name)


def test_a_file_cut_while_it_is_open(content, tmp_path):
    (tmp_path / "a.pack").write_bytes(content)
    pack = Pack(tmp_path / "a.pack")
    record = pack.records()[300]
    pack.read(record.filename)
    os.truncate(tmp_path / "a.pack", data_start(record) + 10)
    with pytest.raises(DataError, match=r"is damaged \(checksum\)"):
        pack.read(record.filename)


def test_frames_that_are_not_there(good):
    frames = unpack(good).train.frames
    with pytest.raises(DataError, match=r"a\.pack/Train/9999/ir/D1/1.jpg is missing"):
        frames.read("9999/ir/D1/1")
    assert frames.name("9999/ir/D1/1").endswith("a.pack/Train/9999/ir/D1/1.jpg")


@pytest.fixture
def damaged(good, content, tmp_path):
    """A pack whose first query's fourth frame is damaged."""
    name = f"Test/{unpack(good).query.tracklets[0].frames[3]}.jpg"
    changed = bytearray(content)
    changed[next(data_start(r) for r in Pack(good).records() if r.filename == name) + 100] ^= 255
    (tmp_path / "a.pack").write_bytes(changed)
    return unpack(tmp_path / "a.pack")


def _clips(data, policy):
    loader = evaluation_loader(data.query, frames=4, height=48, width=24, batch=4, workers=2, on_bad_frame=policy)
    return next(iter(loader)).frames, loader.counts


def test_a_damaged_frame_stops_the_loader_or_is_skipped_and_counted(damaged, good):
    with pytest.raises(DataError, match=r"a.pack/Test/.*jpg is damaged \(checksum\).*on_bad_frame=skip"):
        _clips(damaged, "stop")
    clips, counts = _clips(damaged, "skip")
    whole, _ = _clips(unpack(good), "stop")
    assert np.array_equal(clips[0], whole[0][[0, 0, 2, 3]]) and np.array_equal(clips[1:], whole[1:])
    assert counts["bad_files"] == 1 and counts["bad_frames"] == 1

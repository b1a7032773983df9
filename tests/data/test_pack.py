"""A pack gives what the folder gives, whatever the data set."""

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.packing import batches, frame_names, pack_one, packed, same, unpack, unpacked
from support.tiny_bupt import write_tiny_bupt
from support.tiny_vcm import HEIGHT, WIDTH, plain_joints, write_jpeg, write_skeletons, write_tiny_vcm

from star.data.bupt_campus import read_bupt_campus
from star.data.decode import load_frame, read_frame
from star.data.frames import FolderFrames
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.index import INDEX_FILES, read_names
from star.data.pack.encoding import Storage
from star.data.pack.pack_folder import PackFolder
from star.data.pack.reader import Pack
from star.data.pack.verify import verify_pack
from star.data.subset import limit_identities
from star.data.transforms import PLAIN, augment_frame
from star.errors import DataError
from star.types import Split


def _root(data):
    return data.train.frames.path.parent


def _without_sources(data):
    return [(split.name, split.tracklets, split.skeletons is None) for split in data.splits], replace(
        data, train=None, test={}
    )


def _joints(split: Split, key: str) -> Any:
    return split.skeletons and split.skeletons.read(key)


def _of(dtype, found):
    return [tuple(array for array in batch if array.dtype == dtype) for batch in found]


def test_a_pack_is_the_data_set(whole, tmp_path):
    again = packed(whole, tmp_path / "a.pack", _root(whole))
    assert _without_sources(again) == _without_sources(whole)
    assert [(d, pair.query.name, pair.gallery.name) for d, pair in again.test.items()] == [
        (d, pair.query.name, pair.gallery.name) for d, pair in whole.test.items()
    ]
    key = whole.train.tracklets[3].frames[7]
    assert again.train.frames.read(key) == whole.train.frames.read(key)
    assert np.array_equal(_joints(again.train, key), plain_joints())
    assert again.train.frames.name(key) == str(tmp_path / "a.pack" / "Train" / f"{key}.jpg")


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (64, 40)], ids=["stored size", "larger"])
def test_batches_from_pack_and_folder_are_bit_identical(whole, tmp_path, size):
    assert same(batches(packed(whole, tmp_path / "a.pack", _root(whole)), *size), batches(whole, *size))


def test_frames_and_tracklets_of_several_sizes(tmp_path):
    root = write_tiny_vcm(tmp_path / "vcm", skeletons=True).root
    random = np.random.default_rng(0)
    for file in sorted(root.rglob("*.jpg"))[::3]:
        height, width = random.integers(30, 90), random.integers(15, 40)
        write_jpeg(file, random.integers(0, 256, (height, width, 3)).astype(np.uint8))
    data = read_hitsz_vcm(root)
    resized = packed(data, tmp_path / "a.pack", root, Storage((64, 32)))
    for split, other in zip(data.splits, resized.splits, strict=True):
        key = split.tracklets[0].frames[0]
        stored, frame = load_frame(split.frames, key), load_frame(other.frames, key)
        assert frame.shape == (64, 32, 3)
        share = plain_joints()[:, :2] / np.array(stored.shape[1::-1])
        assert np.allclose(_joints(other, key)[:, :2] / (32, 64), share, rtol=1e-6)
    joints, others = (_of(np.float32, batches(d, 64, 32)) for d in (data, resized))
    assert all(
        np.allclose(a, b, atol=1e-6) for x, y in zip(joints, others, strict=True) for a, b in zip(x, y, strict=True)
    )


def test_a_resized_pack_equals_a_folder_of_its_frames(whole, tmp_path):
    resized = packed(whole, tmp_path / "a.pack", _root(whole), Storage((40, 20)))
    folder = unpacked(tmp_path / "a.pack", tmp_path / "folder")
    files = {"train": FolderFrames(folder / "Train"), "test": FolderFrames(folder / "Test")}
    splits = {s.name: replace(s, frames=files["train" if s.name == "train" else "test"]) for s in resized.splits}
    pairs = {d: p._replace(query=splits["query"], gallery=splits["gallery"]) for d, p in resized.test.items()}
    pairs["v2i"] = pairs["v2i"]._replace(query=splits["gallery"], gallery=splits["query"])
    from_files = replace(resized, train=splits["train"], test=pairs)
    assert same(batches(from_files, 48, 24), batches(resized, 48, 24))
    assert resized.protocol == f"{whole.protocol}, frames stored at 40x20 as JPEG of quality 95"
    assert resized.fingerprint != whole.fingerprint


def test_raw_frames_are_exactly_the_resized_ones(whole, tmp_path):
    raw = packed(whole, tmp_path / "a.pack", _root(whole), Storage((64, 40), "raw"))
    assert same(_of(np.uint8, batches(raw, 64, 40)), _of(np.uint8, batches(whole, 64, 40)))
    key = whole.query.tracklets[0].frames[0]
    expected = np.empty((64, 40, 3), np.uint8)
    augment_frame(load_frame(whole.query.frames, key), PLAIN, expected)
    assert np.array_equal(load_frame(raw.query.frames, key), expected)


def test_resized_grey_frames_stay_grey(whole, tmp_path):
    resized = packed(whole, tmp_path / "a.pack", _root(whole), Storage((64, 40)))
    frame = load_frame(resized.query.frames, resized.query.tracklets[0].frames[0])
    assert (frame == frame[..., :1]).all()


@pytest.mark.parametrize("storage", [Storage(), Storage((40, 20)), Storage((40, 20), "raw")], ids=str)
def test_bytes_do_not_depend_on_workers_and_any_zip_tool_reads_them(whole, tmp_path, storage):
    for workers in (1, 3):
        pack_one(whole, tmp_path / f"{workers}.pack", _root(whole), storage, workers=workers)
    assert (tmp_path / "1.pack").read_bytes() == (tmp_path / "3.pack").read_bytes()
    with zipfile.ZipFile(tmp_path / "1.pack") as file:
        assert file.testzip() is None
        assert len(set(file.namelist())) == len(file.namelist())
    assert len(frame_names(tmp_path / "1.pack")) == 560


def test_a_folder_unzipped_from_a_pack_is_the_data_set_without_its_skeletons(whole, tmp_path):
    pack_one(whole, tmp_path / "a.pack", _root(whole))
    folder = unpacked(tmp_path / "a.pack", tmp_path / "folder")
    files = [path.relative_to(folder) for path in folder.rglob("*.*") if path.parent.name != "star-pack"]
    assert len(files) == 560 + len(INDEX_FILES)
    assert all((folder / file).read_bytes() == (_root(whole) / file).read_bytes() for file in files)
    assert [split.tracklets for split in read_hitsz_vcm(folder).splits] == [split.tracklets for split in whole.splits]


def test_archives_beyond_the_limits_of_plain_zip(whole, tmp_path, monkeypatch):
    pack_one(whole, tmp_path / "plain.pack", _root(whole))
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 200_000)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 100)
    data = packed(whole, tmp_path / "wide.pack", _root(whole))
    with zipfile.ZipFile(tmp_path / "wide.pack") as file:
        assert file.testzip() is None and len(file.namelist()) > 560
        assert max(info.header_offset for info in file.infolist()) > 200_000
    assert verify_pack(Pack(tmp_path / "wide.pack")) == []
    assert same(batches(data, HEIGHT, WIDTH), batches(whole, HEIGHT, WIDTH))
    assert (tmp_path / "wide.pack").stat().st_size > (tmp_path / "plain.pack").stat().st_size


def test_a_pack_can_be_packed_again(whole, tmp_path):
    once = packed(whole, tmp_path / "a.pack", _root(whole))
    twice = packed(once, tmp_path / "b.pack", PackFolder(Pack(tmp_path / "a.pack")), Storage((40, 20)))
    direct = packed(whole, tmp_path / "c.pack", _root(whole), Storage((40, 20)))
    assert same(batches(twice, 40, 20), batches(direct, 40, 20))
    assert (twice.protocol, twice.fingerprint) == (direct.protocol, direct.fingerprint)


def test_bupt_campus(tmp_path):
    root = write_tiny_bupt(tmp_path / "bupt", skeletons=True).root
    data = read_bupt_campus(root)
    again = packed(data, tmp_path / "a.pack", root)
    assert _without_sources(again) == _without_sources(data) and len(again.test_splits) == 4
    assert same(batches(again, 48, 24), batches(data, 48, 24))
    assert again.query.frames.name(again.query.tracklets[0].frames[0]).startswith(f"{tmp_path}/a.pack/DATA/")


def test_no_skeletons(tmp_path):
    root = write_tiny_vcm(tmp_path / "vcm").root
    again = packed(read_hitsz_vcm(root), tmp_path / "a.pack", root)
    assert all(split.skeletons is None for split in again.splits)


def test_listed_frames_of_no_tracklet_are_not_packed(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm", skeletons=True)
    tracks = tiny.index / "track_train_info.txt"
    tracks.write_text("\n".join(tracks.read_text().splitlines()[4:]))
    data = read_hitsz_vcm(tiny.root)
    again = packed(data, tmp_path / "a.pack", tiny.root)
    assert _without_sources(again) == _without_sources(data)
    assert not [name for name in frame_names(tmp_path / "a.pack") if name.startswith("Train/0001/")]


def test_frames_without_a_skeleton_stay_without(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm", skeletons=True)
    listed = read_names(tiny.index / "train_name.txt")
    write_skeletons(tiny.root / "dataset-train.h5", listed.names, listed.keys[::2])
    data = read_hitsz_vcm(tiny.root)
    again = packed(data, tmp_path / "a.pack", tiny.root)
    found = [_joints(again.train, key) is not None for key in listed.keys]
    assert found == [number % 2 == 0 for number in range(len(listed.keys))]
    assert _joints(again.train, "none/such") is None
    assert same(batches(again, 48, 24), batches(data, 48, 24))


def test_names_that_are_not_ascii(whole, tmp_path):
    root = tmp_path / "数据集"
    shutil.copytree(_root(whole), root)
    data = read_hitsz_vcm(root)
    assert same(batches(packed(data, root / "包.pack", root), 48, 24), batches(whole, 48, 24))


def test_frames_whose_names_are_not_ascii(tmp_path):
    root = write_tiny_bupt(tmp_path / "bupt").root
    for folder in root.glob("DATA/*/*/LS3"):
        for file in folder.iterdir():
            file.rename(file.with_name(file.name.replace("_LS3_", "_摄像头_")))
    table = root / "data_paths.json"
    table.write_text(table.read_text().replace("_LS3_", "_摄像头_"))
    data = read_bupt_campus(root)
    again = packed(data, tmp_path / "a.pack", root)
    assert same(batches(again, 48, 24), batches(data, 48, 24)) and verify_pack(Pack(tmp_path / "a.pack")) == []
    with zipfile.ZipFile(tmp_path / "a.pack") as file:
        assert any("摄像头" in name for name in file.namelist())


def test_what_a_run_may_choose_needs_no_other_pack(tmp_path):
    root = write_tiny_bupt(tmp_path / "bupt", frames=6).root
    pack_one(read_bupt_campus(root, auxiliary=True), tmp_path / "a.pack", root)
    choices: list[dict[str, Any]] = [{}, {"auxiliary": True}, {"same_camera_filter": False}, {"min_frames": 6}]
    for options in choices:
        folder, again = read_bupt_campus(root, **options), unpack(tmp_path / "a.pack", **options)
        assert _without_sources(again) == _without_sources(folder)


def test_identities_can_be_limited(whole, tmp_path):
    again = limit_identities(packed(whole, tmp_path / "a.pack", _root(whole)), 2)
    folder = limit_identities(whole, 2)
    assert [s.tracklets for s in again.splits] == [s.tracklets for s in folder.splits]
    assert again.protocol == folder.protocol
    with pytest.raises(DataError, match="tracklet is left"):
        limit_identities(again, 0)


_READER = """
import os, sys
from pathlib import Path
from star.data.pack.pack_folder import PackFolder
from star.data.pack.reader import Pack
from star.data.pack.verify import verify_pack
pack = Pack(Path(sys.argv[1]))
names = [record.filename for record in pack.records()]
if sys.argv[2] == "fork" and os.fork() == 0:
    os._exit(0 if sum(sum(pack.read(name)) for name in names) == int(sys.argv[3]) else 1)
total = sum(sum(pack.read(name)) for name in names)
forked = os.wait()[1] if sys.argv[2] == "fork" else 0
sys.exit(forked or total != int(sys.argv[3]))
"""


@pytest.mark.parametrize("kind", ["fork", "open"])
def test_several_processes_read_at_once(whole, tmp_path, project, kind):
    pack_one(whole, tmp_path / "a.pack", _root(whole))
    pack = Pack(tmp_path / "a.pack")
    total = sum(sum(pack.read(record.filename)) for record in pack.records())
    command = [sys.executable, "-c", _READER, str(tmp_path / "a.pack"), kind, str(total)]
    environment = os.environ | {"PYTHONPATH": str(project)}
    readers = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [reader.wait(timeout=60) for reader in readers] == [0, 0]


def test_a_raw_frame_is_a_picture_file(whole, tmp_path):
    raw = packed(whole, tmp_path / "a.pack", _root(whole), Storage((40, 20), "raw"))
    key = raw.train.tracklets[0].frames[0]
    (tmp_path / "a.ppm").write_bytes(raw.train.frames.read(key))
    with Image.open(tmp_path / "a.ppm") as picture:
        assert np.array_equal(np.asarray(picture), load_frame(raw.train.frames, key))
    assert np.array_equal(read_frame(tmp_path / "a.ppm"), load_frame(raw.train.frames, key))

"""`star-pack`, and packs in the other commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.commands import SMALL, Command
from support.packing import batches, same
from support.tiny_bupt import write_tiny_bupt
from support.tiny_vcm import plain_joints, write_tiny_vcm

from star.config.check import check_overrides
from star.config.commands import read_command
from star.config.pack_command import COMMAND, RULES, PackConfig
from star.data.frames_digest import frames_digest
from star.data.pack.archive import data_start
from star.data.pack.reader import Pack
from star.engine.build_data import load_data
from star.engine.pack_data import pack_data
from star.errors import ConfigError, DataError
from star.tracking.fingerprint import fingerprint

GENERATED = tuple(
    f"dataset.generate.{level}"
    for level in (
        *("train_identities=3", "test_identities=2", "visible_views=[40]", "infrared_views=[60]", "frames=[12,14]"),
        *("height=32", "width=16"),
    )
)


def _pack(*arguments: str) -> str:
    return pack_data(read_command(arguments, COMMAND, PackConfig, RULES))


def _read(*overrides: str):
    return load_data(check_overrides([*SMALL, *overrides]))


def _mark(*overrides: str) -> str:
    config = check_overrides([*SMALL, *overrides])
    data = load_data(config)
    return fingerprint(config, data.fingerprint, frames_digest(data)).digest


@pytest.fixture(scope="module")
def pack(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "tiny.pack"
    text = _pack(f"dataset.root={tiny_root}", f"pack.out={path}")
    assert "336 frames (0 found done)" in text and f"read it with dataset.pack={path}" in text
    return path


def test_the_run_is_the_same_from_folder_and_pack(pack, tiny_root, tmp_path):
    folder, packed = f"dataset.root={tiny_root}", f"dataset.pack={pack}"
    assert _mark(folder) == _mark(packed)
    assert same(batches(_read(packed), 32, 16), batches(_read(folder), 32, 16))
    _pack(packed, f"pack.out={tmp_path}/small.pack", "pack.size=[32,16]")
    assert _mark(f"dataset.pack={tmp_path}/small.pack") != _mark(folder)
    assert "frames stored at 32x16" in _read(f"dataset.pack={tmp_path}/small.pack").protocol


@pytest.mark.parametrize(
    "option", ["dataset.same_camera_filter=false", *(f"dataset.min_frames={n}" for n in (1, 5, 12))]
)
def test_options_that_need_no_other_pack(pack, tiny_root, option):
    folder, packed = _read(f"dataset.root={tiny_root}", option), _read(f"dataset.pack={pack}", option)
    assert folder.protocol == packed.protocol and folder.fingerprint == packed.fingerprint
    assert [s.tracklets for s in folder.splits] == [s.tracklets for s in packed.splits]


def test_identities_limited(pack, tiny_root):
    folder, packed = (
        _read(where, "debug.limit_identities=2") for where in (f"dataset.root={tiny_root}", f"dataset.pack={pack}")
    )
    assert [s.tracklets for s in folder.splits] == [s.tracklets for s in packed.splits]
    assert folder.protocol == packed.protocol


@pytest.mark.parametrize(
    "option",
    ["dataset.protocol=full", "dataset.same_camera_filter=true", "dataset.same_camera_filter=false"],
)
def test_bupt_campus(tmp_path, option):
    root = write_tiny_bupt(tmp_path / "bupt", skeletons=True).root
    _pack("dataset=bupt_campus", f"dataset.root={root}", f"pack.out={tmp_path}/a.pack")
    folder = _read("dataset=bupt_campus", f"dataset.root={root}", option)
    packed = _read("dataset=bupt_campus", f"dataset.pack={tmp_path}/a.pack", option)
    assert (folder.protocol, folder.fingerprint, folder.notes) == (packed.protocol, packed.fingerprint, packed.notes)
    assert same(batches(packed, 32, 16), batches(folder, 32, 16))
    for wanted in ("auxiliary", "fake_infrared"):
        with pytest.raises(DataError, match=rf"a.pack holds other frames \(dataset.{wanted}: given True, packed False"):
            _read("dataset=bupt_campus", f"dataset.pack={tmp_path}/a.pack", f"dataset.{wanted}=true")


def test_frames_of_the_auxiliary_set_are_packed_if_asked_for_and_used_if_asked_for(tmp_path):
    root = write_tiny_bupt(tmp_path / "bupt", skeletons=True).root
    more = ("dataset=bupt_campus", "dataset.auxiliary=true")
    _pack(*more, f"dataset.root={root}", f"pack.out={tmp_path}/a.pack")
    _pack(f"dataset.pack={tmp_path}/a.pack", f"pack.out={tmp_path}/b.pack")
    for options in (more, more[:1]):
        folder = _read(*options, f"dataset.root={root}")
        for name in "ab":
            packed = _read(*options, f"dataset.pack={tmp_path}/{name}.pack")
            assert [s.tracklets for s in folder.splits] == [s.tracklets for s in packed.splits]
            assert folder.fingerprint == packed.fingerprint


def test_a_pack_of_fake_infrared_frames(tmp_path):
    root = write_tiny_bupt(tmp_path / "bupt").root
    fake = ("dataset=bupt_campus", "dataset.fake_infrared=true", "experiment=baseline")
    _pack(*fake[:2], f"dataset.root={root}", f"pack.out={tmp_path}/a.pack")
    folder, packed = _read(*fake, f"dataset.root={root}"), _read(*fake, f"dataset.pack={tmp_path}/a.pack")
    assert same(batches(packed, 32, 16), batches(folder, 32, 16))
    with pytest.raises(DataError, match="dataset.fake_infrared: given False, packed True"):
        _read("dataset=bupt_campus", f"dataset.pack={tmp_path}/a.pack")


def test_generated_data_are_packed_and_their_levels_must_agree(tmp_path):
    made = ("dataset=synthetic", f"dataset.root={tmp_path}/sets", *GENERATED)
    _pack(*made, f"pack.out={tmp_path}/a.pack")
    folder, packed = _read(*made), _read("dataset=synthetic", f"dataset.pack={tmp_path}/a.pack", *GENERATED)
    assert folder.fingerprint == packed.fingerprint
    assert same(batches(packed, 32, 16), batches(folder, 32, 16))
    with pytest.raises(DataError, match=r"dataset.generate.train_identities: given 48, packed 3"):
        _read("dataset=synthetic", f"dataset.pack={tmp_path}/a.pack")
    with pytest.raises(DataError, match=r"holds synthetic, given dataset=hitsz_vcm: give dataset=synthetic"):
        _read(f"dataset.pack={tmp_path}/a.pack")


def test_check_verifies_a_pack_and_names_what_is_damaged(command: Command, pack, tmp_path):
    good = command("check", f"dataset.pack={pack}", "schedule.identities=4")
    assert good.returncode == 0 and "the checksums of its 336 frames are right" in good.stdout
    assert "336 checked, 0 bad" in good.stdout
    damaged, records = bytearray(pack.read_bytes()), Pack(pack).records()
    for row in (5, 100):
        damaged[data_start(records[row]) + 200] ^= 1
    (tmp_path / "a.pack").write_bytes(damaged)
    bad = command("check", f"dataset.pack={tmp_path}/a.pack")
    assert bad.returncode == 1 and "is damaged in 2 places" in bad.stdout
    assert all(records[row].filename in bad.stdout for row in (5, 100))
    (tmp_path / "a.pack").write_bytes(damaged[:50_000])
    cut = command("check", f"dataset.pack={tmp_path}/a.pack")
    assert cut.returncode == 1 and "a.pack is no pack, or one that is cut or damaged" in cut.stdout


def test_the_command_is_done_at_once_when_the_pack_is_there(command: Command, pack, tiny_root):
    again = command("pack", f"dataset.root={tiny_root}", f"pack.out={pack}")
    assert again.returncode == 0 and "336 frames (336 found done, not read again: " in again.stdout
    assert f"star-check dataset.pack={pack} compares their checksums" in again.stdout


def test_bad_frames_stop_or_are_counted(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm", skeletons=True)
    file = tiny.train / "0001" / "ir" / "D2" / "3.jpg"
    file.write_bytes(b"")
    with pytest.raises(DataError, match=r"3.jpg is empty .*dataset.on_bad_frame=skip"):
        _pack(f"dataset.root={tiny.root}", f"pack.out={tmp_path}/a.pack")
    text = _pack(f"dataset.root={tiny.root}", f"pack.out={tmp_path}/a.pack", "dataset.on_bad_frame=skip")
    assert "1 of them cannot be decoded" in text and "Train/0001/ir/D2/3.jpg is empty" in text


def test_a_pack_without_bad_frames_is_refused_where_they_would_be_packed(tmp_path):
    """With `stop`, whether or not they are repaired by now; with `skip`, once they are."""
    tiny = write_tiny_vcm(tmp_path / "vcm", skeletons=True)
    files = [tiny.train / "0001" / "ir" / "D2" / f"{number}.jpg" for number in (3, 5)]
    good = files[1].read_bytes()
    for file in files:
        file.write_bytes(b"")
    again = (f"dataset.root={tiny.root}", f"pack.out={tmp_path}/a.pack")
    _pack(*again, "dataset.on_bad_frame=skip")
    assert "2 of them cannot be decoded" in _pack(*again, "dataset.on_bad_frame=skip")
    without = r"a.pack is there and was made without 2 frames that could not be decoded, first: .*/3.jpg is empty"
    with pytest.raises(DataError, match=without):
        _pack(*again)
    files[1].write_bytes(good)
    with pytest.raises(DataError, match=without):
        _pack(*again)
    with pytest.raises(DataError, match=r"without 1 frames that can be decoded now, first Train/0001/ir/D2/5.jpg; del"):
        _pack(*again, "dataset.on_bad_frame=skip")
    (tmp_path / "a.pack").unlink()
    assert "1 of them cannot be decoded" in _pack(*again, "dataset.on_bad_frame=skip")


def test_short_tracklets_are_packed_too(tmp_path):
    """`star-check` looks at them, and a run with a smaller dataset.min_frames can be told what is there."""
    tiny = write_tiny_vcm(tmp_path / "vcm", frames=12)
    lines = (tiny.index / "track_train_info.txt").read_text().splitlines()
    lines[1] = "1 13 20 1 2"
    (tiny.index / "track_train_info.txt").write_text("\n".join(lines) + "\n")
    _pack(f"dataset.root={tiny.root}", f"pack.out={tmp_path}/a.pack")
    counts = [
        len(_read("experiment=baseline", f"dataset.pack={tmp_path}/a.pack", f"dataset.min_frames={n}").train.tracklets)
        for n in (12, 1)
    ]
    assert counts == [15, 16]


@pytest.mark.parametrize(
    ("arguments", "key", "expected"),
    [
        ([], "pack.out", "a file to write"),
        (["pack.out=."], "pack.out", "a file, not a folder"),
        (["pack.out=a", "pack.encoding=raw"], "pack.encoding", "pack.size"),
        (["pack.out=a", "pack.encoding=png"], "pack.encoding", "jpeg"),
        (["pack.out=a", "pack.size=[8,8]"], "pack.size", "16"),
        (["pack.out=a", "pack.size=288"], "pack.size", "2"),
        (["pack.out=a", "pack.size=[100000,64]"], "pack.size", "4096"),
        (["pack.out=a", "pack.quality=0"], "pack.quality", "1"),
        (["pack.out=a", "pack.quality=50"], "pack.quality", "pack.size"),
        (["pack.out=a", "pack.workers=0"], "pack.workers", "1"),
        (["pack.out=a", "pack.sise=[64,32]"], "pack.sise", "did you mean size?"),
        (["pack.out=a", "dataset.pack=none.pack"], "dataset.pack", "an existing file"),
    ],
)
def test_wrong_options_are_named(tiny_root, arguments, key, expected):
    with pytest.raises(ConfigError) as error:
        _pack(f"dataset.root={tiny_root}", *arguments)
    assert any(p.key == key and expected in p.expected for p in error.value.problems), error.value


def test_skeletons_beside_a_pack_are_refused(pack, tiny_root):
    with pytest.raises(ConfigError, match="dataset.skeletons: .*a pack holds the skeletons it was packed with"):
        check_overrides([f"dataset.pack={pack}", f"dataset.skeletons={tiny_root}"])


def test_other_skeletons_make_another_pack(tmp_path):
    tiny = write_tiny_vcm(tmp_path / "vcm")
    bare = write_tiny_vcm(tmp_path / "other", skeletons=True)
    (tmp_path / "skeletons").mkdir()
    for file in bare.root.glob("*.h5"):
        file.rename(tmp_path / "skeletons" / file.name)
    _pack(f"dataset.root={tiny.root}", f"dataset.skeletons={tmp_path}/skeletons", f"pack.out={tmp_path}/a.pack")
    data = _read(f"dataset.pack={tmp_path}/a.pack")
    key = data.train.tracklets[0].frames[0]
    joints = None if data.train.skeletons is None else data.train.skeletons.read(key)
    assert joints is not None and np.array_equal(joints, plain_joints())

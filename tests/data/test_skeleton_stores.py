import errno
import os
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from support.tiny_vcm import plain_joints, write_skeletons

from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.index import read_names
from star.data.skeleton_source import require_skeletons
from star.data.skeleton_stores import Hdf5Skeletons, NpySkeletons, SkeletonWriter, index_sha256
from star.errors import DataError

KEY = "0063/ir/D2/121"


def _stored(store, key) -> np.ndarray:
    joints = store.read(key)
    assert joints is not None
    return joints


def _write(path, joints_of_keys, sha="0" * 64):
    with SkeletonWriter(path, estimator="e", version="2", index_sha256=sha) as writer:
        for key, joints in joints_of_keys.items():
            writer.write(key, joints)


def test_what_is_written_is_read_in_the_key_layout_of_the_release(tmp_path):
    random = np.random.default_rng(0)
    joints = {
        f"0063/{kind}/D2/{n}": random.normal(size=(17, 3)).astype(np.float32) for kind in ("ir", "rgb") for n in (1, 2)
    }
    _write(tmp_path / "new" / "dataset-train.h5", joints)
    store = Hdf5Skeletons(tmp_path / "new" / "dataset-train.h5")
    for key in [*joints, *joints]:
        assert np.array_equal(_stored(store, key), joints[key])
    for absent in ("0063/ir/D2/3", "0064/ir/D2/1"):
        assert store.read(absent) is None and store.read(absent) is None
    with h5py.File(store.path) as file:
        entry = file["0063/ir/D2/1"]
        assert isinstance(entry, h5py.Dataset) and entry.shape == (17, 3) and entry.dtype == np.float32
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["dataset-train.h5"]
    assert {"estimator", "version", "created", "index_sha256", "content_sha256"} <= store.attributes.keys()


def test_release_files_of_other_float_types_and_without_attributes_are_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[KEY] = plain_joints().astype(">f8")
    store = Hdf5Skeletons(tmp_path / "a.h5")
    assert np.allclose(_stored(store, KEY), plain_joints()) and _stored(store, KEY).dtype == np.float32


def test_provenance_follows_content_not_place_time_or_order(tmp_path):
    other = "0063/ir/D2/122"
    _write(tmp_path / "a.h5", {KEY: plain_joints(), other: plain_joints() + 1})
    _write(tmp_path / "b.h5", {other: plain_joints() + 1, KEY: plain_joints()})
    _write(tmp_path / "c.h5", {KEY: plain_joints() + 1, other: plain_joints()})
    a, b, c = (Hdf5Skeletons(tmp_path / f"{name}.h5").provenance() for name in "abc")
    assert a == b != c


def _edited(path, how):
    with h5py.File(path, "r+") as file:
        ours, other = (file[f"0063/ir/D2/{number}"] for number in (121, 122))
        if how == "emptied":
            ours[...] = np.nan
        elif how == "halved":
            ours[:, :2] = ours[:, :2] / 2
        elif how == "exchanged":
            ours[...], other[...] = other[()], ours[()]
        elif how == "removed":
            del file[KEY]
        else:
            file["0063/ir/D2/123"] = plain_joints()


@pytest.mark.parametrize("how", ["emptied", "halved", "exchanged", "removed", "added"])
def test_a_file_changed_after_it_was_written_is_found_by_its_hash(tmp_path, how):
    path = tmp_path / "dataset-train.h5"
    _write(path, {KEY: plain_joints(), "0063/ir/D2/122": plain_joints() + 1})
    done = []
    Hdf5Skeletons(path).require_content(lambda *now: done.append(now))
    assert done == [(2, 2)]
    _edited(path, how)
    with pytest.raises(DataError, match=r"dataset-train\.h5 was changed after it was written: .*make it again, or, .*"):
        Hdf5Skeletons(path).require_content()


def test_a_file_that_states_no_hash_has_none_to_be_compared_with(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[KEY] = plain_joints()
    Hdf5Skeletons(tmp_path / "a.h5").require_content()


def test_interrupted_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.h5"
    _write(path, {KEY: plain_joints()})
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), SkeletonWriter(path, estimator="e", version="1", index_sha256="") as writer:
        writer.write("0063/ir/D2/122", plain_joints())
        raise KeyboardInterrupt
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    with pytest.raises(DataError, match=r"shape \(16, 3\)"):
        _write(path, {KEY: plain_joints()[:16]})


def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    _write(tmp_path / "dataset-train.h5", {KEY: plain_joints()})
    before = (tmp_path / "dataset-train.h5").read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"dataset-train\.h5 cannot be written: No space left on device"):
        _write(tmp_path / "dataset-train.h5", {"0063/ir/D2/122": plain_joints()})
    assert [path.name for path in tmp_path.iterdir()] == ["dataset-train.h5"]
    assert (tmp_path / "dataset-train.h5").read_bytes() == before


def test_npy_form(tmp_path):
    np.save(tmp_path / "0063_ir_D2_121.npy", plain_joints().astype(np.float64))
    np.save(tmp_path / "0063_ir_D2_122.npy", plain_joints()[:5])
    (tmp_path / "0063_ir_D2_123.npy").write_bytes((tmp_path / "0063_ir_D2_121.npy").read_bytes()[:200])
    store = NpySkeletons(tmp_path)
    assert np.allclose(_stored(store, KEY), plain_joints()) and store.read("0063/ir/D2/1") is None
    with pytest.raises(DataError, match=r"0063_ir_D2_122\.npy: shape \(5, 3\)"):
        store.read("0063/ir/D2/122")
    with pytest.raises(DataError, match=r"0063_ir_D2_123\.npy cannot be read"):
        store.read("0063/ir/D2/123")


@pytest.mark.parametrize("content", [b"", b"not hdf5" * 100])
def test_files_that_are_no_hdf5(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.h5 cannot be read"):
        Hdf5Skeletons(tmp_path / "a.h5")


def test_truncated_hdf5(tmp_path):
    _write(tmp_path / "a.h5", {f"0001/ir/D1/{n}": plain_joints() for n in range(200)})
    whole = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.h5 cannot be read"):
        Hdf5Skeletons(tmp_path / "a.h5")


def test_damage_inside_hdf5_is_not_taken_for_a_missing_frame(tmp_path):
    keys = [f"0001/ir/D1/{n}" for n in range(200)]
    _write(tmp_path / "a.h5", {key: plain_joints() for key in keys})
    content = bytearray((tmp_path / "a.h5").read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.h5.* cannot be read"):
        store = Hdf5Skeletons(tmp_path / "a.h5")
        for key in keys:
            store.read(key)


def test_wrong_shape_names_the_key(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[KEY] = np.zeros((17, 2))
    with pytest.raises(DataError, match=rf"a\.h5, key {KEY}: shape \(17, 2\)"):
        Hdf5Skeletons(tmp_path / "a.h5").read(KEY)


def test_threads_read_what_is_stored(tmp_path):
    keys = [f"0001/ir/D1/{n}" for n in range(600)]
    _write(tmp_path / "a.h5", {key: plain_joints() + n for n, key in enumerate(keys)})
    store = Hdf5Skeletons(tmp_path / "a.h5")
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(store.read, keys * 4))
    for n, joints in enumerate(read):
        assert joints is not None and np.array_equal(joints, plain_joints() + n % 600)


def test_skeletons_are_found_at_the_root_or_where_said(tiny, tmp_path):
    assert read_hitsz_vcm(tiny.root).train.skeletons is not None
    other = tmp_path / "other"
    other.mkdir()
    for file in tiny.root.glob("*.h5"):
        file.rename(other / file.name)
    bare = read_hitsz_vcm(tiny.root)
    with pytest.raises(DataError, match="no skeletons for train, query, gallery.*star-skeletons"):
        require_skeletons(bare)
    data = read_hitsz_vcm(tiny.root, skeletons=other)
    require_skeletons(data)
    assert data.gallery.skeletons is data.query.skeletons
    assert np.array_equal(_stored(data.gallery.skeletons, data.gallery.tracklets[0].frames[0]), plain_joints())


@pytest.mark.parametrize("what", ["no entry", "NaN", "confidence 0", "below the smallest confidence"])
@pytest.mark.parametrize(("split", "named"), [("train", "train"), ("test", "query, gallery")])
def test_a_split_without_a_joint_that_counts_is_refused(tiny, split, named, what):
    """A network would be trained, or ranked, on zeros."""
    joints, listed = plain_joints(), read_names(tiny.index / f"{split}_name.txt")
    joints[:, 2] = {"NaN": np.nan, "confidence 0": 0}.get(what, 0.2)
    path, keys = tiny.root / f"dataset-{split}.h5", [] if what == "no entry" else listed.keys
    write_skeletons(path, listed.names, keys, joints=joints)
    data, least = read_hitsz_vcm(tiny.root), 0.5 if what.startswith("below") else 0.0
    wanted = r"of at least dataset\.min_confidence=0\.5" if least else "above 0"
    with pytest.raises(DataError, match=rf"no frame of {named} has a joint .* {wanted} in .*dataset-{split}\.h5; make"):
        require_skeletons(data, least)
    if keys:
        joints[:, 2] = 0.2
        write_skeletons(path, listed.names, keys, joints=joints)
        require_skeletons(read_hitsz_vcm(tiny.root))


def test_npy_folder_serves_both_splits(tiny, tmp_path):
    for file in tiny.root.glob("*.h5"):
        file.unlink()
    folder = tmp_path / "npy"
    folder.mkdir()
    for name in ("train_name.txt", "test_name.txt"):
        for key in read_names(tiny.index / name).keys:
            np.save(folder / (key.replace("/", "_") + ".npy"), plain_joints())
    data = read_hitsz_vcm(tiny.root, skeletons=folder)
    assert np.array_equal(_stored(data.query.skeletons, data.query.tracklets[0].frames[3]), plain_joints())


def test_one_file_of_two_and_an_empty_folder(tiny, tmp_path):
    with pytest.raises(DataError, match=r"dataset\.skeletons: given .*vcm.info, expected a folder with"):
        read_hitsz_vcm(tiny.root, skeletons=tiny.index)
    (tiny.root / "dataset-test.h5").unlink()
    with pytest.raises(DataError, match=r"dataset-test\.h5 is missing beside dataset-train\.h5"):
        read_hitsz_vcm(tiny.root)


def test_files_of_another_name_list_are_refused(tiny):
    train, test = tiny.root / "dataset-train.h5", tiny.root / "dataset-test.h5"
    train.rename(tiny.root / "x")
    test.rename(train)
    (tiny.root / "x").rename(test)
    with pytest.raises(DataError, match=r"dataset-train\.h5 are of another data set or split: made from a name list"):
        read_hitsz_vcm(tiny.root)


def test_unsigned_files_must_hold_half_of_the_frames(tiny):
    def cover(share):
        keys = read_names(tiny.index / "train_name.txt").keys
        with h5py.File(tiny.root / "dataset-train.h5", "w") as file:
            for number, key in enumerate(keys):
                if number < share * len(keys):
                    file[key] = plain_joints()
            file["9999/ir/D1/1"] = plain_joints()

    cover(0.6)
    read_hitsz_vcm(tiny.root)
    cover(0.4)
    with pytest.raises(DataError, match=r"dataset-train\.h5 are of another data set: they hold 77 of 192"):
        read_hitsz_vcm(tiny.root)


def test_joints_must_lie_inside_the_frames(tiny):
    listed = read_names(tiny.index / "test_name.txt")
    far = plain_joints() + np.array([30, 0, 0], np.float32)
    write_skeletons(tiny.root / "dataset-test.h5", listed.names, listed.keys, joints=far)
    with pytest.raises(DataError, match=r"dataset-test\.h5 do not belong to these frames: 0 of 2448 confident"):
        read_hitsz_vcm(tiny.root)
    far[:, 2] = 0.1
    write_skeletons(tiny.root / "dataset-test.h5", listed.names, listed.keys, joints=far)
    read_hitsz_vcm(tiny.root)


def test_index_hash_ignores_line_ends_and_sees_every_name():
    assert index_sha256(["a", "b"]) != index_sha256(["a", "c"]) != index_sha256(["ac"])


def test_of_npy_files_the_names_and_every_hundredth_part_count(tmp_path):
    """As docs/skeletons.md says."""
    for number in range(400):
        np.save(tmp_path / f"0063_ir_D2_{number:03d}.npy", plain_joints())
    before = NpySkeletons(tmp_path).provenance()
    np.save(tmp_path / "0063_ir_D2_001.npy", plain_joints() + 1)
    assert NpySkeletons(tmp_path).provenance() == before
    np.save(tmp_path / "0063_ir_D2_004.npy", plain_joints() + 1)
    changed = NpySkeletons(tmp_path).provenance()
    (tmp_path / "0063_ir_D2_001.npy").rename(tmp_path / "0063_ir_D2_400.npy")
    assert len({before, changed, NpySkeletons(tmp_path).provenance()}) == 3

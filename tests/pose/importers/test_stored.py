import h5py
import numpy as np
import pytest
from support.known_skeletons import assert_known, known_joints
from support.tiny_vcm import write_skeletons

from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.skeleton_stores import Hdf5Skeletons
from star.errors import DataError
from star.pose.importers import import_skeletons


def write_release(folder, splits, prefix=""):
    folder.mkdir()
    for split, listed in splits.items():
        with h5py.File(folder / f"dataset-{split}.h5", "w") as file:
            for key in listed.keys:
                file[prefix + key] = known_joints(key)
    return folder


def test_the_releases_files_are_copied_and_signed(tiny, splits, tmp_path):
    source = write_release(tmp_path / "release", splits)
    with h5py.File(source / "dataset-train.h5", "a") as file:
        file["0099/ir/D1/1"] = known_joints("x")
    summary = import_skeletons("hdf5", source, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)
    assert summary.unmatched == (1, ("0099/ir/D1/1",)) and summary.frames == {"train": (32, 32), "test": (16, 16)}
    attributes = Hdf5Skeletons(tmp_path / "out" / "dataset-train.h5").attributes
    assert attributes["estimator"] == "hdf5 import"
    assert attributes["index_sha256"] == splits["train"].index_sha256
    assert read_hitsz_vcm(tiny.root, skeletons=tmp_path / "out", min_frames=1).train.skeletons is not None


def test_one_file_and_keys_below_a_folder(splits, tmp_path):
    source = write_release(tmp_path / "release", splits, prefix="Train/")
    only_train = import_skeletons("hdf5", source / "dataset-train.h5", splits=splits, out=tmp_path / "out")
    assert only_train.frames == {"train": (32, 32), "test": (0, 16)} and only_train.without.count == 16
    assert_known(tmp_path / "out", splits, without=splits["test"].keys)


def test_a_stated_estimator_is_kept(splits, tmp_path):
    for split, listed in splits.items():
        write_skeletons(tmp_path / f"in/dataset-{split}.h5", list(listed.names), list(listed.keys))
    import_skeletons("hdf5", tmp_path / "in", splits=splits, out=tmp_path / "a")
    import_skeletons("hdf5", tmp_path / "in", splits=splits, out=tmp_path / "b", estimator="mine")
    stated = [Hdf5Skeletons(tmp_path / out / "dataset-test.h5").attributes["estimator"] for out in ("in", "a", "b")]
    assert stated == ["test", "test", "mine"]


def test_the_files_may_be_imported_over_themselves(splits, tmp_path):
    source = write_release(tmp_path / "release", splits)
    import_skeletons("hdf5", source, splits=splits, out=source)
    assert_known(source, splits)
    assert sorted(path.name for path in source.iterdir()) == ["dataset-test.h5", "dataset-train.h5"]


@pytest.mark.parametrize("nested", [False, True])
def test_npy_files(splits, tmp_path, nested):
    for listed in splits.values():
        for key in listed.keys:
            path = tmp_path / "npy" / f"{key if nested else key.replace('/', '_')}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, known_joints(key).astype(np.float64))
    import_skeletons("npy", tmp_path / "npy", splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)


@pytest.mark.parametrize(
    ("joints", "message"),
    [
        (np.zeros((17, 2)), r"shape \(17, 2\), expected \(17, 3\)"),
        (np.zeros((14, 3)), r"14 joints, (expected 15, 16, 17|and .*: 17 joints; expected one number)"),
        (np.array([["a"] * 3] * 17, "S1"), r"expected numbers only"),
    ],
)
def test_entries_that_are_no_skeleton_are_named(splits, tmp_path, joints, message):
    key = "0001/ir/D2/2"
    source = write_release(tmp_path / "release", splits)
    with h5py.File(source / "dataset-train.h5", "a") as file:
        del file[key]
        file[key] = joints
    (tmp_path / "npy").mkdir()
    np.save(tmp_path / "npy" / "0001_ir_D2_2.npy", joints)
    with pytest.raises(DataError, match=rf"dataset-train\.h5, key {key}: {message}"):
        import_skeletons("hdf5", source, splits=splits, out=tmp_path / "out")
    with pytest.raises(DataError, match=rf"0001_ir_D2_2\.npy: {message}"):
        import_skeletons("npy", tmp_path / "npy", splits=splits, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("share", [0, 0.5])
def test_damaged_files_are_named(splits, tmp_path, share):
    source = write_release(tmp_path / "release", splits)
    (tmp_path / "npy").mkdir()
    np.save(tmp_path / "npy" / "0001_ir_D2_2.npy", known_joints("a"))
    for path in (source / "dataset-test.h5", tmp_path / "npy" / "0001_ir_D2_2.npy"):
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"dataset-test\.h5 cannot be read"):
        import_skeletons("hdf5", source, splits=splits, out=tmp_path / "out")
    with pytest.raises(DataError, match=r"0001_ir_D2_2\.npy cannot be read"):
        import_skeletons("npy", tmp_path / "npy", splits=splits, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_without_entries(splits, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("0001")
    with pytest.raises(DataError, match=r"a\.h5 holds no skeletons"):
        import_skeletons("hdf5", tmp_path / "a.h5", splits=splits, out=tmp_path / "out")

import numpy as np
import pytest

from star.data.folder import files_below, list_files
from star.data.skeleton_source import open_skeletons
from star.errors import DataError

LEFT = ("._7.json", ".DS_Store", "Thumbs.db", "thumbs.db", "desktop.ini", "._dataset-train.h5", "._0001_ir_D2_7.npy")


@pytest.fixture
def folder(tmp_path):
    """Three results among what other systems leave."""
    for name in (*LEFT, "@eaDir/7.json/SYNOFILE_THUMB_M.json", "__MACOSX/._7.json", "__MACOSX/7.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\5\26\7")
    for name in ("7.json", "b/8.JSON", "b/9.Json", "b/9.txt", ".json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("[]")
    return tmp_path


def test_what_other_systems_leave_is_passed_over(folder):
    assert sorted(list_files(folder)) == [".json", "7.json", "b"]
    assert list_files(folder / "nowhere") == list_files(folder / "7.json") == []


def test_suffixes_are_known_in_any_case(folder):
    assert [path.relative_to(folder).as_posix() for path in files_below(folder, ".json")] == [
        *("7.json", "b/8.JSON", "b/9.Json"),
    ]


def test_skeletons_in_npy_files_of_any_case(folder):
    joints = np.full((17, 3), 0.5, np.float32)
    with (folder / "0001_ir_D2_7.NPY").open("wb") as file:
        np.save(file, joints)
    stores = open_skeletons(folder, folder, {})
    read = stores["train"].read("0001/ir/D2/7")
    assert read is not None and np.array_equal(read, joints)
    (folder / "0001_ir_D2_7.NPY").unlink()
    with pytest.raises(DataError, match=r"dataset\.skeletons: given"):
        open_skeletons(folder, folder, {})

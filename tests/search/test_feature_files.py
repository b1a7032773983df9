"""Files of features: both kinds come back as they were, and damaged ones are named."""

from __future__ import annotations

import dataclasses
import gc
import sys

import numpy as np
import pytest
from support.features import made_features

from star.errors import DataError
from star.search.feature_files import read_features, write_features
from star.search.features import Features, Items, join
from star.search.unfinished import Unfinished


def assert_same(one: Items, other: Items) -> None:
    for field in dataclasses.fields(Items):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if field.name == "strips":
            assert first == second
        else:
            assert first.shape == second.shape
            np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
@pytest.mark.parametrize("joints", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_file_comes_back_as_it_was(tmp_path, suffix, joints, dtype):
    made = made_features(5, joints=joints, dtype=dtype)
    write_features(tmp_path / f"f{suffix}", made)
    found = read_features(tmp_path / f"f{suffix}")
    np.testing.assert_array_equal(found.values, made.values)
    assert found.values.dtype == dtype
    assert_same(found.items, made.items)
    assert {key: found.about[key] for key in made.about} == made.about


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_the_data_set_is_read_from_what_made_the_file(tmp_path, suffix):
    made = made_features(3)
    for source, wanted in (("split=query", "abc"), ("video=day.mp4", "")):
        about = {**made.about, "making": {"source": source, "source state": "abc"}}
        write_features(tmp_path / f"f{suffix}", made._replace(about=about))
        assert read_features(tmp_path / f"f{suffix}").items.sets.tolist() == [wanted] * 3
    joined = dataclasses.replace(made.items, sets=np.array(["abc", "", "de"]))
    write_features(tmp_path / f"f{suffix}", made._replace(items=joined))
    assert read_features(tmp_path / f"f{suffix}").items.sets.tolist() == ["abc", "", "de"]


def test_a_parquet_file_is_a_plain_table(tmp_path):
    pandas = pytest.importorskip("pandas")
    made = made_features(3)
    write_features(tmp_path / "f.parquet", made)
    table = pandas.read_parquet(tmp_path / "f.parquet")
    assert table["names"].tolist() == made.items.names.tolist() and list(table["cameras"]) == ["a", "b", "a"]
    np.testing.assert_array_equal(np.stack(table["features"]), made.values)


def test_files_that_are_none_are_named(tmp_path):
    with pytest.raises(DataError, match=r"features .*absent.npz are missing"):
        read_features(tmp_path / "absent.npz")
    (tmp_path / "f.csv").write_text("1,2")
    with pytest.raises(DataError, match=r"given .csv, expected .npz or .parquet"):
        read_features(tmp_path / "f.csv")
    for name in ("f.npz", "f.parquet"):
        (tmp_path / name).write_bytes(b"not one")
        with pytest.raises(DataError, match=rf"features .*{name} cannot be read"):
            read_features(tmp_path / name)
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(DataError, match=r"features .*other.npz have no names; expected a file that star-embed wrote"):
        read_features(tmp_path / "other.npz")
    write_features(tmp_path / "cut.npz", made_features(9))
    whole = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"features .*cut.npz cannot be read"):
        read_features(tmp_path / "cut.npz")


def test_features_that_are_not_finite_or_of_another_width_are_refused(tmp_path):
    made = made_features(4)
    made.values[2, 1] = np.nan
    write_features(tmp_path / "f.npz", made)
    with pytest.raises(DataError, match=r"f.npz: the features of visible/2 are not finite"):
        read_features(tmp_path / "f.npz")
    write_features(tmp_path / "g.npz", Features(made_features(4).values[:, :8], made.items, made.about))
    with pytest.raises(DataError, match=r"features of shape \(4, 8\) and type float32, stated width 16"):
        read_features(tmp_path / "g.npz")


@pytest.mark.parametrize("largest", [1000, 150_000])
def test_a_full_disk_is_one_error(tmp_path, monkeypatch, full_disk, largest):
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    write_features(tmp_path / "f.npz", made_features(3))
    before = (tmp_path / "f.npz").read_bytes()
    made = made_features(2000, 100)
    with full_disk(largest), pytest.raises(DataError, match=r"features .*f.npz cannot be written: File too large"):
        write_features(tmp_path / "f.npz", made)
    gc.collect()
    assert not ignored
    assert (tmp_path / "f.npz").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_leaves_nothing_of_an_unfinished_file(tmp_path, full_disk):
    making = {"model": "f00d", "source": "x" * 500}
    with full_disk(100), pytest.raises(DataError, match=r"making.json cannot be written: File too large"):
        Unfinished(tmp_path / "f.npz", making).__enter__()
    assert not list(tmp_path.iterdir())
    with Unfinished(tmp_path / "f.npz", making) as unfinished:
        unfinished.write_json("cutting.json", {"done": 1})
        with full_disk(100), pytest.raises(DataError, match=r"cutting.json cannot be written: File too large"):
            unfinished.write_json("cutting.json", ["x" * 500])
        assert unfinished.read_json("cutting.json") == {"done": 1}
        assert sorted(path.name for path in unfinished.folder.iterdir()) == ["cutting.json", "making.json"]


def test_files_of_one_model_are_joined_and_of_two_are_refused():
    one, two = made_features(3, joints=True), made_features(2, seed=1)
    both = join({"one": one, "two": two})
    assert len(both.items) == 5 and both.items.joints.shape == (5, 4, 17, 3) and not both.items.joints[3:].any()
    with pytest.raises(DataError, match=r"three and one are of different models: fingerprint cafe \(run\) and f00d"):
        join({"one": one, "three": made_features(2, fingerprint="cafe")})
    with pytest.raises(DataError, match="of different models: numbers a tracklet 8 .* and 16"):
        join({"one": one, "three": made_features(2, width=8)})

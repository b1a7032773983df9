"""What `star-check` says of skeleton files, and what a run that reads them refuses."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
from support.commands import SMALL
from support.tiny_vcm import TinyVcm, write_skeletons, write_tiny_vcm

from star.config.check import check_overrides
from star.config.commands import read_command
from star.config.pack_command import COMMAND, RULES, PackConfig
from star.engine.check_data import check_data
from star.engine.pack_data import pack_data
from star.errors import DataError


@pytest.fixture
def tiny(tmp_path: Path) -> TinyVcm:
    return write_tiny_vcm(tmp_path / "vcm", skeletons=True)


def check(tiny: TinyVcm, *overrides: str) -> str:
    return check_data(check_overrides([*SMALL, "dataset=hitsz_vcm", f"dataset.root={tiny.root}", *overrides])).report


def test_skeletons_edited_in_place_are_neither_passed_nor_packed(tiny: TinyVcm, tmp_path: Path):
    with h5py.File(tiny.root / "dataset-test.h5", "r+") as file:
        file["0005/ir/D2/3"][4, 0] += 1
    for experiment in ("star", "baseline"):
        with pytest.raises(DataError, match=r"dataset-test\.h5 was changed after it was written"):
            check(tiny, f"experiment={experiment}")
    with pytest.raises(DataError, match=r"dataset-test\.h5 was changed after it was written"):
        pack_data(
            read_command([f"dataset.root={tiny.root}", f"pack.out={tmp_path}/a.pack"], COMMAND, PackConfig, RULES)
        )
    assert not list(tmp_path.glob("*pack*"))


def test_a_split_without_skeletons_is_noted_and_refused_where_they_are_read(tiny: TinyVcm):
    names = (tiny.index / "test_name.txt").read_text().split()
    write_skeletons(tiny.root / "dataset-test.h5", names, [])
    text = check(tiny, "experiment=baseline")
    assert "skeletons train visible: 96 of 96 frames (100.0%)" in text
    assert "skeletons query infrared: 0 of 72 frames (0.0%)\n" in text and "nan" not in text
    assert "note: no frame of query infrared has a skeleton" in text
    with pytest.raises(DataError, match="this experiment uses skeletons, and no frame of query, gallery has a joint"):
        check(tiny, "experiment=star")
    pack_data(read_command([f"dataset.root={tiny.root}", f"pack.out={tiny.root}/a.pack"], COMMAND, PackConfig, RULES))
    with pytest.raises(DataError, match=r"no frame of query, gallery has a joint .*a\.pack"):
        check_data(check_overrides([*SMALL, "dataset=hitsz_vcm", f"dataset.pack={tiny.root}/a.pack"]))


def test_the_smallest_confidence_may_leave_no_joint(tiny: TinyVcm):
    assert "100.0% of their joints" in check(tiny, "experiment=star", "dataset.min_confidence=0.9")
    with pytest.raises(
        DataError, match=r"no frame of train, query, gallery has a joint .*dataset\.min_confidence=0\.95"
    ):
        check(tiny, "experiment=star", "dataset.min_confidence=0.95")

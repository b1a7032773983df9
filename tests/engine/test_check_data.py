"""What `star-check` says of skeleton files, and what a run that reads them refuses."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
from support.commands import SMALL
from support.tiny_vcm import TinyVcm, write_tiny_vcm

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
    return check_data(check_overrides([*SMALL, "dataset=hitsz_vcm", f"dataset.root={tiny.root}", *overrides]))


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

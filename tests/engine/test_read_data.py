"""Where a data set is read from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from star.config.check import check_overrides
from star.engine import read_data
from star.engine.read_data import dataset_root
from star.errors import DataError


def test_without_a_folder_generated_people_are_among_the_outputs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """As an exported model knows its data set: without what is about a machine."""
    dataset = replace(check_overrides(["dataset=synthetic"]).dataset, root=None)
    monkeypatch.setenv("STAR_OUTPUTS", str(tmp_path))

    def generate(root: Path, **rest: Any) -> Path:
        return root / "made"

    monkeypatch.setattr(read_data, "generate", generate)
    assert dataset_root(dataset, 1) == tmp_path / "synthetic" / "made"


def test_without_a_folder_another_data_set_is_not_looked_for():
    dataset = replace(check_overrides(["dataset=synthetic"]).dataset, root=None, kind="hitsz_vcm")
    with pytest.raises(DataError, match=r"dataset\.root: given nothing, expected the folder of the data set"):
        dataset_root(dataset, 1)

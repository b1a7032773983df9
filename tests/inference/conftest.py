"""Runs that an earlier commit left, ready to be loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.stored_runs import copy_run, write_data

from star.inference.load import load
from star.inference.model import Model


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data set of the stored runs: tracklets of 12 frames of 48 x 24, of which two of 32 x 16 are embedded."""
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="package")
def stored(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of the stored run of a name."""
    outputs = tmp_path_factory.mktemp("outputs")
    folders = {name: copy_run(name, outputs, root) for name in ("baseline", "star")}
    return folders.__getitem__


@pytest.fixture(scope="package")
def star_model(stored: Callable[[str], Path]) -> Model:
    """STAR, whose run ended in PyNative mode."""
    return load(stored("star"))

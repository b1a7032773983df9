from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.tiny_vcm import TinyVcm, write_tiny_vcm

from star.pose.frame_list import FrameList, list_frames


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyVcm:
    return write_tiny_vcm(tmp_path_factory.mktemp("frames") / "vcm", identities=2, test_identities=1, frames=4)


@pytest.fixture(scope="session")
def splits(tiny: TinyVcm) -> dict[str, FrameList]:
    return list_frames(tiny.root)


@pytest.fixture(scope="session")
def names(splits: dict[str, FrameList]) -> dict[str, str]:
    """Key of every frame by its name in the index."""
    return {name: key for listed in splits.values() for name, key in zip(listed.names, listed.keys, strict=True)}


@pytest.fixture
def dump(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Write a value as JSON below the test's folder."""

    def write(name: str, value: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
        return path

    return write

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.tiny_vcm import TinyVcm, write_tiny_vcm

from star.data.hitsz_vcm import read_hitsz_vcm
from star.types import VideoReIDData


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> TinyVcm:
    return write_tiny_vcm(tmp_path_factory.mktemp("pattern") / "vcm", skeletons=True)


@pytest.fixture
def tiny(tmp_path: Path, pattern: TinyVcm) -> TinyVcm:
    """A fresh data set with skeletons, free to be broken."""
    root = tmp_path / "vcm"
    shutil.copytree(pattern.root, root)
    return TinyVcm(*(root / folder.relative_to(pattern.root) for folder in pattern))


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> VideoReIDData:
    """A data set with skeletons that no test may change."""
    root = tmp_path_factory.mktemp("whole") / "vcm"
    write_tiny_vcm(root, frames=20, skeletons=True)
    return read_hitsz_vcm(root)


@pytest.fixture
def edit() -> Callable[[Path, int, str], None]:
    """Replace one line (1-based) of a text file."""

    def replace(path: Path, number: int, line: str) -> None:
        lines = path.read_text().splitlines()
        lines[number - 1] = line
        path.write_text("\n".join(lines) + "\n")

    return replace

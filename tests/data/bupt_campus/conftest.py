import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.tiny_bupt import TinyBupt, write_tiny_bupt


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> TinyBupt:
    return write_tiny_bupt(tmp_path_factory.mktemp("bupt") / "BUPTCampus", skeletons=True)


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> TinyBupt:
    """More than 64 queries and 128 gallery tracklets of each modality, one frame each."""
    root = tmp_path_factory.mktemp("many") / "BUPTCampus"
    return write_tiny_bupt(root, identities=2, auxiliary=0, infrared_queries=71, visible_queries=68, frames=1)


@pytest.fixture
def root(tmp_path: Path, pattern: TinyBupt) -> Path:
    """A fresh data set with skeletons, free to be broken."""
    shutil.copytree(pattern.root, tmp_path / "BUPTCampus")
    return tmp_path / "BUPTCampus"


@pytest.fixture
def change_table(root: Path) -> Callable[[Callable[[dict], None]], None]:
    """Change the frame table of `root`."""

    def rewrite(change: Callable[[dict], None]) -> None:
        table = json.loads((root / "data_paths.json").read_text())
        change(table)
        (root / "data_paths.json").write_text(json.dumps(table))

    return rewrite

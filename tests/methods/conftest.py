"""Reference numbers of other methods' code, and how near a result must come to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.method_numbers import Reference
from support.tiny_vcm import write_tiny_vcm


@pytest.fixture
def reference(shared: Path) -> Iterator[Callable[[str], Reference]]:
    """Reads the numbers of one file; `pytest -s` shows how near the results came."""

    files: dict[str, Reference] = {}

    def read(name: str) -> Reference:
        files[name] = Reference(shared / "fixtures" / "methods" / f"{name}.npz")
        return files[name]

    yield read
    for name, file in files.items():
        used = ", ".join(f"{key} {share:.2g}" for key, share in file.used.items())
        print(f"\n{name}, share of the tolerance used: {used}")


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of four training and three test identities, with skeletons."""
    return write_tiny_vcm(tmp_path_factory.mktemp("tiny"), skeletons=True).root

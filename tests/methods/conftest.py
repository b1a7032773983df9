"""Reference numbers of other methods' code, and how near a result must come to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.method_numbers import Reference


@pytest.fixture
def reference(shared: Path) -> Callable[[str], Reference]:
    """Reads the numbers of one file."""

    def read(name: str) -> Reference:
        return Reference(shared / "fixtures" / "methods" / f"{name}.npz")

    return read

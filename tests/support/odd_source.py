"""A frame source that fails as none should."""

from __future__ import annotations

from pathlib import Path


class OddFrames:
    """Raises an error that no part of the product knows."""

    path = Path("nowhere")

    def read(self, key: str) -> bytes:
        """Fails."""
        raise ZeroDivisionError(f"cannot {key}")

    def name(self, key: str) -> str:
        """The key."""
        return key

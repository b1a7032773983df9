"""A frame source that fails as none should."""

from __future__ import annotations

from pathlib import Path


class OddFrames:
    """Raises an error of its own, which cannot be pickled."""

    path = Path("nowhere")

    def read(self, key: str) -> bytes:
        """Fails."""

        class Odd(Exception):
            pass

        raise Odd(f"cannot {key}")

    def name(self, key: str) -> str:
        """The key."""
        return key

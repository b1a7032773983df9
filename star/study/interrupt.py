"""Ctrl-C and SIGTERM as something a loop can look at, so that they never fall between two lines of it."""

from __future__ import annotations

import signal
from types import FrameType

from typing_extensions import Self


class StopRequests:
    """Counts Ctrl-C and SIGTERM while it is entered, instead of their usual effect.

    Attributes:
        count: how often it was asked for.
    """

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        """Take the signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._count)
        return self

    def __exit__(self, *error: object) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _count(self, number: int, frame: FrameType | None) -> None:
        self.count += 1

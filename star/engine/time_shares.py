"""Shares of a run's time by what it was spent on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


class TimeShares:
    """Seconds by the clock that the training loop spends in each of its parts.

    Attributes:
        seconds: by name of the part.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.perf_counter()

    @property
    def total(self) -> float:
        """Seconds since the first look at the clock; what they exceed the parts by is the loop's own."""
        return time.perf_counter() - self._began

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Count the block for a part."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - began

    def waiting(self, part: str, items: Iterable[T]) -> Iterator[T]:
        """The items; the wait for each counts for a part."""
        iterator = iter(items)
        while True:
            with self.of(part):
                found = list(islice(iterator, 1))
            if not found:
                return
            yield found[0]

"""Results of a search as a table: one line an answer."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.search.exact import NONE, Nearest
from star.search.features import UNKNOWN, Items
from star.search.filters import UTC
from star.search.whole_file import whole_file
from star.words import queries

_OF_BOTH = ("camera", "modality", "start", "end", "identity")
COLUMNS = ("query", "rank", "answer", "similarity", *_OF_BOTH, *(f"query_{name}" for name in _OF_BOTH))


class Results(NamedTuple):
    """What was found.

    Attributes:
        query, gallery: the tracklets.
        nearest: [q k] answers.
    """

    query: Items
    gallery: Items
    nearest: Nearest

    def answers(self, row: int) -> Iterator[tuple[int, float]]:
        """Gallery position and similarity of the answers to a query, best first."""
        for item, similarity in zip(
            self.nearest.items[row].tolist(), self.nearest.similarities[row].tolist(), strict=True
        ):
            if item != NONE:
                yield item, similarity

    def is_right(self, row: int, item: int) -> bool | None:
        """Whether an answer is the query's person; None where one of them is unknown or of another data set."""
        asked, answered = self.query.identities[row], self.gallery.identities[item]
        if UNKNOWN in (asked, answered) or self.query.sets[row] != self.gallery.sets[item]:
            return None
        return bool(asked == answered)

    def score(self) -> str | None:
        """For how many queries the first answer is the right person, as a sentence; None where it is never known."""
        first = [self.is_right(row, item) for row in range(len(self.query)) for item, _ in list(self.answers(row))[:1]]
        known = [right for right in first if right is not None]
        if not known:
            return None
        return f"the first answer is the right person for {sum(known):,} of {queries(len(known))}"


def time_text(clock: str, seconds: float) -> str:
    """A time as text: UTC, or seconds of another clock or outside the years 1 to 9999; empty where unknown."""
    if not np.isfinite(seconds):
        return ""
    if clock == UTC:
        with suppress(ValueError, OverflowError, OSError):
            return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
    return f"{seconds:.2f}"


def write_table(results: Results, path: Path) -> None:
    """Write results as CSV, the columns of `COLUMNS`, whole or not at all; what is unknown is empty.

    Raises:
        DataError: it cannot be written.
    """
    with whole_file(path, "results") as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in range(len(results.query)):
            asked = _known(results.query, row)
            for rank, (item, similarity) in enumerate(results.answers(row), 1):
                answer = results.gallery.names[item]
                found = _known(results.gallery, item)
                writer.writerow([results.query.names[row], rank, answer, f"{similarity:.6f}", *found, *asked])


def _known(items: Items, row: int) -> list[object]:
    clock, identity = str(items.clocks[row]), int(items.identities[row])
    times = (time_text(clock, items.starts[row]), time_text(clock, items.ends[row]))
    return [items.cameras[row], items.modalities[row], *times, "" if identity == UNKNOWN else identity]

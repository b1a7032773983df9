"""The summary of an import: what it gave, and everything that could not be matched, counted and named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.data.skeleton_checks import CONFIDENT
from star.types import MODALITIES, Modality

NAMED = 10
"""So many of each kind are named in messages and in the report."""
_SHOWN = 3
"""So many in the table."""
_NOTHING = "-"
_FEW = 0.3
"""A smaller share of confident joints is doubtful."""


class Named(NamedTuple):
    """A count and the names of the first few."""

    count: int
    first: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> Named:
        """Count names and keep the first."""
        listed = list(names)
        return cls(len(listed), tuple(listed[:NAMED]))

    def __str__(self) -> str:
        """`12: a, b, ...`."""
        return f"{self.count:,}: {self.examples(NAMED)}"

    def examples(self, most: int) -> str:
        """`a, b, ...`."""
        return ", ".join(self.first[:most]) + (", ..." if self.count > most else "")


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        what: is counted.
        count: as text.
        about: names, or the count by split.
        doubtful: whether somebody should look at it.
    """

    what: str
    count: str
    about: str
    doubtful: bool = False


class ImportSummary(NamedTuple):
    """What an import gave.

    Attributes:
        files: the skeleton files, train first; none where nothing was to be written.
        frames: frames with a skeleton and frames in the index, by split.
        people: frames by the number of persons the source has in them.
        confident: share of joints with confidence 0.3 or more, by modality; nan without frames.
        unmatched: images of the source that are no frame of the index.
        without: frames of the index that are not in the source.
        nobody: frames in which the source found nobody; they get no skeleton.
        several: frames with more than one person, of whom the one that continues the track was taken.
        not_best: those of them in which another person has a higher score.
        changed: frames in which the person taken is another than in the frame before, see `continuing.Followed`.
        bodiless: frames with persons of whom the source has no joint of the body; these persons are passed over.
        not_finite: frames with joints that are NaN or infinite; they get confidence 0.
        far: frame, name and entry of joints more than ten frame sizes outside their frame; they get confidence 0.
        empty: result files that hold nothing.
        unreadable: frames whose size was needed and could not be read; they get no skeleton.
        unknown_joints: names of joints in the source that are none of the 17; they are left out.
        absent_joints: joints of the 17 that the source, or a part of it, does not have; they get confidence 0.
        not_upright: frames whose shoulders, hips and ankles do not come in this order from above, if they are most.
        another_size: of each split whose joints look as if found on images of another size, why.
        clipped: confidences outside 0..1, which were set to the nearer end.
        largest: of the confidences before.
        whole_numbers: whether stored joints are whole numbers, so that confidences between 0 and 1 are lost.
    """

    files: tuple[Path, ...]
    frames: dict[str, tuple[int, int]]
    people: Mapping[int, int]
    confident: dict[Modality, float]
    unmatched: Named
    without: Named
    nobody: Named
    several: Named
    not_best: Named
    changed: Named
    bodiless: Named
    not_finite: Named
    far: Named
    empty: Named
    unreadable: Named
    unknown_joints: Named
    absent_joints: Named
    not_upright: Named
    another_size: tuple[str, ...]
    clipped: int
    largest: float
    whole_numbers: bool

    def rows(self, examples: int) -> list[Row]:
        """The table. Its first lines are always there; what follows, only where there is something to say."""
        found, listed = (sum(counts) for counts in zip(*self.frames.values(), strict=True))
        people = ", ".join(f"{number} in {frames:,}" for number, frames in sorted(self.people.items()))
        rows = [
            Row("frames of the data set", f"{listed:,}", ", ".join(f"{s} {n:,}" for s, (_, n) in self.frames.items())),
            Row(
                "frames with a skeleton",
                f"{found:,}",
                ", ".join(f"{s} {n:,}" for s, (n, _) in self.frames.items()),
                not all(n for n, _ in self.frames.values()),
            ),
            Row("persons a frame", f"{sum(n * frames for n, frames in self.people.items()) / listed:.2f}", people),
            _named("frames with several persons, one chosen", self.several, examples),
            _named("  where another person has a higher score", self.not_best, examples),
            _named("  where the person changes", self.changed, examples),
            _named("joints the source does not have, confidence 0", self.absent_joints, len(self.absent_joints.first)),
            _named("joints of the source that are not used", self.unknown_joints, examples, doubtful=False),
            _named("images of the source that are no frame", self.unmatched, examples),
        ]
        seldom = (
            ("frames without a result", self.without),
            ("frames in which nobody was found", self.nobody),
            ("result files that hold nothing", self.empty),
            ("frames with persons without a body, passed over", self.bodiless),
            ("frames with joints NaN or infinite, confidence 0", self.not_finite),
            ("joints more than ten frame sizes outside, confidence 0", self.far),
            ("frames whose size cannot be read", self.unreadable),
            ("frames with shoulders, hips, ankles not in this order", self.not_upright),
        )
        rows += [_named(what, named, examples) for what, named in seldom if named.count]
        rows += [Row("joints of another image size", "", doubt, True) for doubt in self.another_size]
        if self.clipped:
            rows.append(Row("confidences outside 0..1, clipped", f"{self.clipped:,}", f"up to {self.largest:g}", True))
        elif self.whole_numbers:
            rows.append(Row("joints are whole numbers", "", "confidences between 0 and 1 are lost", True))
        shares = ", ".join(f"{modality} {_percent(self.confident[modality])}" for modality in MODALITIES)
        few = not all(share >= _FEW for share in self.confident.values())
        return [*rows, Row(f"joints with confidence {CONFIDENT} or more", "", shares, few)]

    def __str__(self) -> str:
        """The table for a terminal; `?` marks what is doubtful."""
        rows = self.rows(_SHOWN)
        first, second = max(len(row.what) for row in rows), max(len(row.count) for row in rows)
        return "\n".join(
            f"{'?' if row.doubtful else ' '} {row.what:<{first}}  {row.count:>{second}}  {row.about}".rstrip()
            for row in rows
        )

    def lines(self) -> list[str]:
        """The table as lines of a list, with more names."""
        return [": ".join(filter(None, (row.what.strip(), row.count, row.about))) for row in self.rows(NAMED)]


def _percent(share: float) -> str:
    return "none" if np.isnan(share) else f"{share:.1%}"


def _named(what: str, named: Named, examples: int, *, doubtful: bool = True) -> Row:
    return Row(
        what, f"{named.count:,}" if named.count else _NOTHING, named.examples(examples), doubtful and named.count > 0
    )

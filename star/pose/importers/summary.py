"""The summary of an import: what it gave, and everything that could not be matched, counted and named."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from star.data.skeleton_source import CONFIDENT
from star.types import MODALITIES, Modality

NAMED = 10
"""So many of each kind are named."""


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
        return f"{self.count:,}: {', '.join(self.first)}{', ...' if self.count > len(self.first) else ''}"


class ImportSummary(NamedTuple):
    """What an import gave.

    Attributes:
        files: the skeleton files, train first.
        frames: frames with a skeleton and frames in the index, by split.
        confident: share of joints with confidence 0.3 or more, by modality; nan without frames.
        unmatched: images of the source that are no frame of the index.
        without: frames of the index that are not in the source.
        nobody: frames in which the source found nobody; they get no skeleton.
        several: frames with more than one person, of whom the one that continues the track was taken.
        not_best: those of them in which another person has a higher score.
        changed: frames in which the person taken is another than in the frame before, see `continuing.Followed`.
        bodiless: frames with persons of whom the source has no joint of the body; these persons are passed over.
        not_finite: frames with joints that are NaN or infinite; they get confidence 0.
        empty: result files that hold nothing.
        unreadable: frames whose size was needed and could not be read; they get no skeleton.
        unknown_joints: names of joints in the source that are none of the 17; they are left out.
        absent_joints: joints of the 17 that the source, or a part of it, does not have; they get confidence 0.
        clipped: confidences outside 0..1, which were set to the nearer end.
    """

    files: tuple[Path, ...]
    frames: dict[str, tuple[int, int]]
    confident: dict[Modality, float]
    unmatched: Named
    without: Named
    nobody: Named
    several: Named
    not_best: Named
    changed: Named
    bodiless: Named
    not_finite: Named
    empty: Named
    unreadable: Named
    unknown_joints: Named
    absent_joints: Named
    clipped: int

    def __str__(self) -> str:
        """Lines for the terminal."""
        lines = [
            f"{split}: {found:,} of {listed:,} frames have a skeleton" for split, (found, listed) in self.frames.items()
        ]
        shares = ", ".join(f"{modality} {self.confident[modality]:.1%}" for modality in MODALITIES)
        lines.append(f"joints with confidence {CONFIDENT} or more: {shares}")
        for what, named in (
            ("images that are no frame of the index", self.unmatched),
            ("frames without a result", self.without),
            ("frames in which nobody was found", self.nobody),
            ("result files that hold nothing", self.empty),
            ("frames with persons without a joint of the body, passed over", self.bodiless),
            ("frames with several persons, the one that continues the track taken", self.several),
            ("of them frames in which another person has a higher score", self.not_best),
            ("frames in which the person changes", self.changed),
            ("frames with joints that are NaN or infinite, confidence 0", self.not_finite),
            ("frames whose size cannot be read", self.unreadable),
            ("joints of the source left out", self.unknown_joints),
            ("joints the source does not have, confidence 0", self.absent_joints),
        ):
            lines += [f"{what}: {named}"] if named.count else []
        lines += [f"confidences outside 0..1, clipped: {self.clipped:,}"] if self.clipped else []
        return "\n".join([*lines, *(f"written: {path}" for path in self.files)])

"""Features of tracklets with what is known of each, and which model made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np

from star.errors import DataError

UNKNOWN = -1
"""Identity of a tracklet of which it is not known."""


@dataclass(frozen=True)
class Items:
    """What is known of n tracklets.

    Attributes:
        names: [n] text, of the tracklets.
        identities: [n] int64; -1 where unknown.
        cameras: [n] text, empty where unknown.
        modalities: [n] text, "visible" or "infrared".
        clocks: [n] text, what the times count from; only times of one clock can be compared. Empty: no times.
        starts, ends: [n] float64, seconds; NaN where unknown. Of the clock "utc" they count from 1970.
        frames: [n] int64, of the tracklet.
        bad_frames: [n] int64, of its clip, for which a neighbour stood in.
        strips: [n] JPEG files of a few frames side by side, empty bytes where there is none.
        joints: [n s 17 3] float16 in the s frames of a strip, x and y in 0..1 of the frame, confidence 0 where missing;
            s is 0 without skeletons.
        sets: [n] text, the data set each is of, empty where it is of none. Identities, and cameras of one name, can be
            compared within a data set only. Left out: all of none.
    """

    names: np.ndarray
    identities: np.ndarray
    cameras: np.ndarray
    modalities: np.ndarray
    clocks: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    frames: np.ndarray
    bad_frames: np.ndarray
    strips: tuple[bytes, ...]
    joints: np.ndarray
    sets: np.ndarray = field(default_factory=lambda: np.array([], np.str_))

    def __post_init__(self) -> None:
        if not len(self.sets):
            object.__setattr__(self, "sets", np.full(len(self.names), ""))

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, rows: Sequence[int] | np.ndarray) -> Items:
        """Those with these numbers."""
        picked = np.asarray(rows, np.int64)
        values = {column.name: getattr(self, column.name) for column in fields(self)}
        strips = tuple(self.strips[row] for row in picked.tolist())
        return Items(**{name: value[picked] for name, value in values.items() if name != "strips"}, strips=strips)


class Features(NamedTuple):
    """What one file holds.

    Attributes:
        values: [n d] float32 or float16, L2-normalised rows.
        items: of the same n tracklets.
        about: what made them: `fingerprint` and `width` of the model, and what else a person should know.
    """

    values: np.ndarray
    items: Items
    about: Mapping[str, Any]

    @property
    def width(self) -> int:
        """Numbers of a feature."""
        return self.values.shape[1]

    @property
    def fingerprint(self) -> str:
        """Of the model."""
        return str(self.about["fingerprint"])

    def rows(self, rows: Sequence[int] | np.ndarray) -> Features:
        """Those with these numbers."""
        return Features(self.values[np.asarray(rows, np.int64)], self.items.rows(rows), self.about)


def join_items(parts: Sequence[Items]) -> Items:
    """All items of some, in order; strips of skeletons and without may be mixed."""
    longest = max(part.joints.shape[1] for part in parts)
    joined: dict[str, Any] = {"strips": tuple(strip for part in parts for strip in part.strips)}
    joined["joints"] = np.concatenate([_with_frames(part.joints, longest) for part in parts])
    for column in fields(Items):
        if column.name not in joined:
            joined[column.name] = np.concatenate([getattr(part, column.name) for part in parts])
    return Items(**joined)


def join(parts: Mapping[str, Features]) -> Features:
    """All features of some files, in order.

    Args:
        parts: by name of the file, at least one.

    Raises:
        DataError: they are of different models; names both files.
    """
    first_name, first = next(iter(parts.items()))
    for name, part in parts.items():
        require_same_model(name, part.about, first_name, first.about)
    if len(parts) == 1:
        return first
    values = np.concatenate([part.values for part in parts.values()])
    return Features(values, join_items([part.items for part in parts.values()]), first.about)


def require_same_model(name: str, about: Mapping[str, Any], other_name: str, other: Mapping[str, Any]) -> None:
    """Refuse features of two models, which cannot be compared whatever their width.

    Raises:
        DataError: width or fingerprint differ; names both files and both models.
    """
    for key, words in (("width", "numbers a tracklet"), ("fingerprint", "fingerprint")):
        if about[key] != other[key]:
            raise DataError(
                f"{name} and {other_name} are of different models: {words} {_short(about[key])} "
                f"({about.get('model', 'unknown model')}) and {_short(other[key])} "
                f"({other.get('model', 'unknown model')}); embed both with one model (star-embed model=...)"
            )


def _short(value: Any) -> str:
    return str(value)[:12]


def _with_frames(joints: np.ndarray, frames: int) -> np.ndarray:
    missing = frames - joints.shape[1]
    return np.pad(joints, ((0, 0), (0, missing), (0, 0), (0, 0))) if missing else joints

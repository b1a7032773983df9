"""The common form of all formats: for each image the persons found in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from star.data.folder import files_below
from star.data.text import parse_json, read_text
from star.errors import DataError


class Person(NamedTuple):
    """One person in one image.

    Attributes:
        joints: [j 3] float64, our order; confidence as the source has it.
        score: of the person; the mean confidence where the source has none.
        track: the source's number of the person through the frames; None where it has none.
        not_finite: joints with NaN or infinity, which got confidence 0.
    """

    joints: np.ndarray
    score: float
    track: int | None = None
    not_finite: int = 0

    @property
    def rank(self) -> tuple[float, float]:
        """The best person of an image has the highest: score, then area of the rectangle around the joints."""
        found = self.joints[self.joints[:, 2] > 0, :2]
        area = float(np.prod(np.ptp(found, axis=0))) if len(found) else 0.0
        return self.score, area


class ImageResult(NamedTuple):
    """The persons of one image.

    Attributes:
        image: its name or path as the source has it.
        where: file and entry, for messages.
        persons: none where nobody was found.
        folder: of the file; it places images whose names alone do not say which frame they are.
        bodiless: persons of whom the source has no joint of the body.
    """

    image: str
    where: str
    persons: list[Person]
    folder: Path
    bodiless: int = 0


class EmptyFile(NamedTuple):
    """A result file without any result: nobody was found in its images."""

    path: Path


def person(joints: np.ndarray, score: object = None, track: object = None) -> Person:
    """A person from [j 3], the source's score, if that is a number, and its track (a number, or a list of one)."""
    lacking = ~np.isfinite(joints).all(axis=1)
    joints = np.where(lacking[:, None], 0, joints)
    given = score if isinstance(score, (int, float)) and not isinstance(score, bool) and np.isfinite(score) else None
    rated = float(joints[:, 2].mean()) if given is None else float(given)
    return Person(joints, rated, _track(track), int(lacking.sum()))


def _track(given: object) -> int | None:
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if not isinstance(given, (int, float)) or isinstance(given, bool) or not np.isfinite(given) or given < 0:
        return None
    return int(given)


def triples(values: Any, where: str) -> np.ndarray:
    """[k 3] float64 from a flat list x, y, confidence, x, ...

    Raises:
        DataError: not a list of numbers, or their count is no multiple of three.
    """
    flat = numbers(values, where)
    if flat.ndim != 1 or len(flat) == 0 or len(flat) % 3:
        raise DataError(f"{where}: {flat.size} values, expected x, y and confidence of each joint")
    return flat.reshape(-1, 3)


def numbers(values: Any, where: str) -> np.ndarray:
    """The values as a float64 array; NaN and infinity stay, see `person`.

    Raises:
        DataError: they are not numbers.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{where}: lists of different lengths, expected as many numbers in each") from error
    if array.dtype.kind not in "iuf":
        raise DataError(f"{where}: expected numbers only")
    return array.astype(np.float64)


def load_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: the file is missing, empty, not text or not JSON; names it.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return parse_json(text, path)


def files_of(source: Path, suffix: str) -> list[Path]:
    """The file itself, or all files below the folder with that suffix, in order of name.

    Raises:
        DataError: there is none.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise DataError(f"source: {source} does not exist, expected a {suffix} file or a folder of them")
    found = files_below(source, suffix)
    if not found:
        raise DataError(f"source: {source} holds no {suffix} file")
    return found


def image_of(path: Path, source: Path) -> str:
    """Name of the image a result file is about: its path below the source, without suffix."""
    return (path.relative_to(source) if path != source else Path(path.name)).with_suffix("").as_posix()


def grouped(results: Iterator[ImageResult]) -> Iterator[ImageResult]:
    """Join the results that name the same image, as in lists with one entry a person."""
    joined: dict[str, ImageResult] = {}
    for result in results:
        before = joined.get(result.image)
        if before is not None:
            result = before._replace(
                persons=[*before.persons, *result.persons], bodiless=before.bodiless + result.bodiless
            )
        joined[result.image] = result
    return iter(joined.values())

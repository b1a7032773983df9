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
    """

    joints: np.ndarray
    score: float

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
    """

    image: str
    where: str
    persons: list[Person]


def person(joints: np.ndarray, score: object = None) -> Person:
    """A person from [j 3] and the source's score, if that is a number."""
    if isinstance(score, (int, float)) and not isinstance(score, bool) and np.isfinite(score):
        return Person(joints, float(score))
    return Person(joints, float(joints[:, 2].mean()))


def triples(values: Any, where: str) -> np.ndarray:
    """[k 3] float64 from a flat list x, y, confidence, x, ...

    Raises:
        DataError: not a list of finite numbers, or their count is no multiple of three.
    """
    flat = finite_numbers(values, where)
    if flat.ndim != 1 or len(flat) == 0 or len(flat) % 3:
        raise DataError(f"{where}: {flat.size} values, expected x, y and confidence of each joint")
    return flat.reshape(-1, 3)


def finite_numbers(values: Any, where: str) -> np.ndarray:
    """The values as a float64 array.

    Raises:
        DataError: they are not numbers, or one is NaN or infinite.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{where}: lists of different lengths, expected as many numbers in each") from error
    if array.dtype.kind not in "iuf":
        raise DataError(f"{where}: expected numbers only")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise DataError(f"{where}: a number is NaN or infinite")
    return array


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
        joined.setdefault(result.image, result._replace(persons=[])).persons.extend(result.persons)
    return iter(joined.values())

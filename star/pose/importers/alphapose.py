"""AlphaPose's JSON (its doc/output.md and `write_json`).

Four forms. By default one list for all images, an entry a person, with `image_id` (the image's base name), `keypoints`
(x, y, confidence of each joint) and `score`. With `--format cmu` or `open` a dictionary by image name, or one file an
image in the folder `sep-json`: `bodies` with `joints`, or `people` with `pose_keypoints_2d`, in OpenPose's order. Its
tracker PoseFlow writes a dictionary by image name whose values are lists of persons, with `keypoints`, `scores` and
`idx`, the number of the track; the default form may have `idx` too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from star.errors import DataError
from star.pose.importers.joint_names import JointOrder
from star.pose.importers.result import EmptyFile, ImageResult, files_of, grouped, image_of, load_json, person, triples

_FORMS = {"bodies": "joints", "people": "pose_keypoints_2d"}


def read_alphapose(source: Path, order: JointOrder) -> Iterator[ImageResult | EmptyFile]:
    """The results of a file or of all .json files of a folder.

    Raises:
        DataError: a file that is damaged or of another form; names it and the entry.
    """
    for path in files_of(source, ".json"):
        content = load_json(path)
        if content in ([], {}):
            yield EmptyFile(path)
        elif isinstance(content, list):
            yield from grouped(_entries(content, path, order))
        elif isinstance(content, dict) and _FORMS.keys() & content.keys():
            yield _one_image(content, image_of(path, source), str(path), path, order)
        elif isinstance(content, dict):
            for image, value in content.items():
                yield _one_image(value, image, f"{path}, image {image}", path, order)
        else:
            raise DataError(f"{path}: {type(content).__name__} without results, expected AlphaPose's JSON")


def _entries(content: list[Any], path: Path, order: JointOrder) -> Iterator[ImageResult]:
    for number, entry in enumerate(content, 1):
        where = f"{path}, entry {number}"
        if not isinstance(entry, dict) or not {"image_id", "keypoints"} <= entry.keys():
            raise DataError(f"{where}: expected image_id and keypoints")
        if not isinstance(entry["image_id"], str):
            raise DataError(
                f"{where}: image_id {entry['image_id']!r} is not a file name; import such results with import=coco and "
                "annotations=FILE, whose images list names the files"
            )
        yield _result(entry["image_id"], where, path, [(entry, "keypoints", where)], order)


def _one_image(content: Any, image: str, where: str, path: Path, order: JointOrder) -> ImageResult:
    if isinstance(content, list):
        return _result(image, where, path, _named(content, "keypoints", f"{where}, person"), order)
    for group, values in _FORMS.items():
        if isinstance(content, dict) and isinstance(content.get(group), list):
            return _result(image, where, path, _named(content[group], values, f"{where}, {group}"), order)
    raise DataError(f"{where}: expected a list of bodies or people")


def _named(entries: list[Any], values: str, what: str) -> list[tuple[Any, str, str]]:
    return [(entry, values, f"{what} {number}") for number, entry in enumerate(entries, 1)]


def _result(image: str, where: str, path: Path, entries: list[tuple[Any, str, str]], order: JointOrder) -> ImageResult:
    """The result of an image from its persons: entry, key of the joints and where it stands."""
    persons = []
    for entry, values, at in entries:
        if not isinstance(entry, dict) or values not in entry:
            raise DataError(f"{at}: expected {values}")
        if entry[values] != []:
            joints = order.apply(triples(entry[values], at), at)
            persons.append(person(joints, entry.get("score", entry.get("scores")), entry.get("idx")))
    return ImageResult(image, where, persons, path.parent, len(entries) - len(persons))

"""AlphaPose's JSON (its doc/output.md and `write_json`).

Three forms. By default one list for all images, an entry a person, with `image_id` (the image's base name), `keypoints`
(x, y, confidence of each joint) and `score`. With `--format cmu` or `open` a dictionary by image name, or one file an
image in the folder `sep-json`: `bodies` with `joints`, or `people` with `pose_keypoints_2d`, in OpenPose's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from star.errors import DataError
from star.pose.importers.joint_names import COCO, OPENPOSE, JointOrder
from star.pose.importers.result import ImageResult, files_of, grouped, image_of, load_json, person, triples

ORDERS = {**COCO, **OPENPOSE}
_FORMS = {"bodies": "joints", "people": "pose_keypoints_2d"}


def read_alphapose(source: Path, order: JointOrder) -> Iterator[ImageResult]:
    """The results of a file or of all .json files of a folder.

    Raises:
        DataError: a file that is damaged or of another form; names it and the entry.
    """
    for path in files_of(source, ".json"):
        content = load_json(path)
        if isinstance(content, list):
            yield from grouped(_entries(content, path, order))
        elif isinstance(content, dict) and _FORMS.keys() & content.keys():
            yield _one_image(content, image_of(path, source), str(path), order)
        elif isinstance(content, dict) and content:
            for image, value in content.items():
                yield _one_image(value, image, f"{path}, image {image}", order)
        else:
            raise DataError(f"{path}: {type(content).__name__} without results, expected AlphaPose's JSON")


def _entries(content: list[Any], path: Path, order: JointOrder) -> Iterator[ImageResult]:
    if not content:
        raise DataError(f"{path}: an empty list, expected results")
    for number, entry in enumerate(content, 1):
        where = f"{path}, entry {number}"
        if not isinstance(entry, dict) or not {"image_id", "keypoints"} <= entry.keys():
            raise DataError(f"{where}: expected image_id and keypoints")
        if not isinstance(entry["image_id"], str):
            raise DataError(
                f"{where}: image_id {entry['image_id']!r} is not a file name; import such results with import=coco and "
                "annotations=FILE, whose images list names the files"
            )
        joints = order.apply(triples(entry["keypoints"], where), where)
        yield ImageResult(entry["image_id"], where, [person(joints, entry.get("score"))])


def _one_image(content: Any, image: str, where: str, order: JointOrder) -> ImageResult:
    for group, values in _FORMS.items():
        if isinstance(content, dict) and isinstance(content.get(group), list):
            persons = []
            for number, entry in enumerate(content[group], 1):
                at = f"{where}, {group} {number}"
                if not isinstance(entry, dict) or values not in entry:
                    raise DataError(f"{at}: expected {values}")
                persons.append(person(order.apply(triples(entry[values], at), at)))
            return ImageResult(image, where, persons)
    raise DataError(f"{where}: expected a list of bodies or people")

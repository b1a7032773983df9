"""COCO keypoint results, and COCO annotations used as such (cocodataset.org, "Results Format" and "Data Format").

Results are a list, an entry a person, with `image_id`, `keypoints` (x, y and what the program wrote as third number;
MMPose and others write the confidence, COCO asks for 1) and `score`. `image_id` is a number, whose file an annotation
file names in its `images` list, or a file name. An annotation file may also be the source: its third numbers are
flags, 2 visible, 1 hidden, 0 not there, which become confidence 1, 0.5 and 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from star.errors import DataError
from star.pose.importers.joint_names import JointOrder
from star.pose.importers.result import EmptyFile, ImageResult, files_of, grouped, load_json, person, triples


class Annotations(NamedTuple):
    """What an annotation file says about the results of another file.

    Attributes:
        path: the file.
        images: file name of each image by its identifier.
        joints: names of the joints by category, where the file has them.
    """

    path: Path
    images: dict[int | str, str]
    joints: dict[str, tuple[str, ...]]


def read_annotations(path: Path) -> Annotations:
    """The images and the joint names of an annotation file.

    Raises:
        DataError: the file is damaged or has no list of images.
    """
    return _annotations(load_json(path), path)


def read_coco(
    source: Path, order: JointOrder, annotations: Annotations | None = None
) -> Iterator[ImageResult | EmptyFile]:
    """The results of a file or of all .json files of a folder.

    Raises:
        DataError: a file that is damaged or of another form, or numbers of images without annotations.
    """
    for path in files_of(source, ".json"):
        if annotations is not None and path.resolve() == annotations.path.resolve() and path != source:
            continue
        content = load_json(path)
        if isinstance(content, dict) and isinstance(content.get("annotations"), list):
            own = _annotations(content, path)
            yield from grouped(_entries(content["annotations"], path, order, own, flags=True))
        elif content == []:
            yield EmptyFile(path)
        elif isinstance(content, list):
            yield from grouped(_entries(content, path, order, annotations, flags=False))
        else:
            raise DataError(f"{path}: expected a list of COCO keypoint results")


def _annotations(content: Any, path: Path) -> Annotations:
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list) or not images:
        raise DataError(f"{path}: expected a COCO annotation file with a list of images")
    names: dict[int | str, str] = {}
    for number, image in enumerate(images, 1):
        identifier, name = (image.get("id"), image.get("file_name")) if isinstance(image, dict) else (None, None)
        if not isinstance(identifier, (int, str)) or not isinstance(name, str):
            raise DataError(f"{path}, image {number}: expected id and file_name")
        if names.setdefault(identifier, name) != name:
            raise DataError(f"{path}, image {number}: id {identifier} is given twice, expected each once")
    joints = {}
    for category in content.get("categories") or []:
        if isinstance(category, dict) and isinstance(category.get("keypoints"), list):
            joints[str(category.get("id"))] = tuple(map(str, category["keypoints"]))
    return Annotations(path, names, joints)


def _entries(
    content: list[Any], path: Path, order: JointOrder, annotations: Annotations | None, *, flags: bool
) -> Iterator[ImageResult]:
    for number, entry in enumerate(content, 1):
        where = f"{path}, entry {number}"
        if not isinstance(entry, dict) or not {"image_id", "keypoints"} <= entry.keys():
            raise DataError(f"{where}: expected image_id and keypoints")
        image = _image(entry["image_id"], annotations, where)
        if entry["keypoints"] == []:
            yield ImageResult(image, where, [], path.parent, bodiless=1)
            continue
        joints = triples(entry["keypoints"], where)
        if flags:
            joints[:, 2] /= 2
        names = annotations.joints.get(str(entry.get("category_id"))) if annotations else None
        if names is not None and len(names) != len(joints):
            names = None
        found = person(order.apply(joints, where, names), entry.get("score"), entry.get("track_id"))
        yield ImageResult(image, where, [found], path.parent)


def _image(identifier: Any, annotations: Annotations | None, where: str) -> str:
    """File name of an image; the number itself, as text, where the annotations do not have it."""
    if isinstance(identifier, str):
        return annotations.images.get(identifier, identifier) if annotations else identifier
    if not isinstance(identifier, int) or isinstance(identifier, bool):
        raise DataError(f"{where}: image_id {identifier!r}, expected a number or a file name")
    if annotations is None:
        raise DataError(
            f"{where}: image_id {identifier} is a number; give annotations=FILE, the annotation file whose images list "
            "names the files"
        )
    return annotations.images.get(identifier, f"image_id {identifier}")

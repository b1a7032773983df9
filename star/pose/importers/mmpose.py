"""MMPose's predictions (1.x): the inferencer's JSON an image, and that of the demos with `--save-predictions`.

The inferencer writes `<image>.json`, a list of instances with `keypoints` [k 2], `keypoint_scores` [k] and, top-down,
`bbox` and `bbox_score`. The demos write `results_<image>.json`: `meta_info`, whose `keypoint_id2name` names the joints,
and `instance_info`, the instances. Predictions of a video are a list of frames, each with `frame_id`, counted from 0,
and `instances`: these are images by number in the folder that is called like the file, or that the file is in.
`*.keypoints.json` of a test run is COCO's form.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from star.errors import DataError
from star.pose.importers.joint_names import JointOrder
from star.pose.importers.result import ImageResult, Person, files_of, image_of, load_json, numbers, person

_PREFIX = "results_"


def read_mmpose(source: Path, order: JointOrder) -> Iterator[ImageResult]:
    """The results of a file or of all .json files of a folder.

    Raises:
        DataError: a file that is damaged or of another form; names it and the instance.
    """
    for path in files_of(source, ".json"):
        content = load_json(path)
        image, names = image_of(path, source), None
        if isinstance(content, dict):
            names = _joint_names(content.get("meta_info"), path)
            if "instance_info" in content:
                folder, _, name = image.rpartition("/")
                image = f"{folder}/{name.removeprefix(_PREFIX)}".lstrip("/")
            content = content.get("instance_info", content.get("instances"))
        if not isinstance(content, list):
            raise DataError(f"{path}: expected MMPose's JSON, a list of instances or one under instance_info")
        if content and all(isinstance(entry, dict) and "frame_id" in entry for entry in content):
            for entry in content:
                yield _frame_of_video(entry, path, order, names)
        else:
            yield _image(content, image, str(path), path.parent, order, names)


def _frame_of_video(entry: dict[str, Any], path: Path, order: JointOrder, names: tuple[str, ...] | None) -> ImageResult:
    where = f"{path}, frame_id {entry['frame_id']}"
    if not isinstance(entry["frame_id"], int) or not isinstance(entry.get("instances"), list):
        raise DataError(f"{where}: expected a number and a list of instances")
    return _image(entry["instances"], str(entry["frame_id"]), where, path.with_suffix(""), order, names)


def _image(
    instances: list[Any], image: str, where: str, folder: Path, order: JointOrder, names: tuple[str, ...] | None
) -> ImageResult:
    persons = [
        _person(instance, f"{where}, instance {number}", order, names)
        for number, instance in enumerate(instances, 1)
        if not _is_bodiless(instance)
    ]
    return ImageResult(image, where, persons, folder, len(instances) - len(persons))


def _is_bodiless(instance: Any) -> bool:
    return instance == {} or (
        isinstance(instance, dict) and instance.get("keypoints") == instance.get("keypoint_scores") == []
    )


def _person(instance: Any, where: str, order: JointOrder, names: tuple[str, ...] | None) -> Person:
    if not isinstance(instance, dict) or not {"keypoints", "keypoint_scores"} <= instance.keys():
        given = instance.keys() if isinstance(instance, dict) else ()
        hint = "; this is COCO's form: import=coco" if "image_id" in given else ""
        raise DataError(f"{where}: expected keypoints and keypoint_scores{hint}")
    points = numbers(instance["keypoints"], where)
    scores = numbers(instance["keypoint_scores"], where)
    if points.ndim != 2 or points.shape[1] != 2 or scores.shape != points.shape[:1]:
        raise DataError(
            f"{where}: keypoints {list(points.shape)} and keypoint_scores {list(scores.shape)}, expected [k, 2] and [k]"
        )
    joints = order.apply(np.column_stack([points, scores]), where, names)
    return person(joints, instance.get("bbox_score"), instance.get("track_id"))


def _joint_names(meta: Any, path: Path) -> tuple[str, ...] | None:
    """Names in the order of the joints from `meta_info`; None without it."""
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if names is None:
        return None
    try:
        ordered = tuple(names) if isinstance(names, list) else tuple(names[key] for key in sorted(names, key=int))
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: meta_info.keypoint_id2name, expected names by number") from error
    return tuple(map(str, ordered))

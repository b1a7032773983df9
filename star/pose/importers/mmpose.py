"""MMPose's predictions (1.x): the inferencer's JSON an image, and that of the demos with `--save-predictions`.

The inferencer writes `<image>.json`, a list of instances with `keypoints` [k 2], `keypoint_scores` [k] and, top-down,
`bbox` and `bbox_score`. The demos write `results_<image>.json`: `meta_info`, whose `keypoint_id2name` names the joints,
and `instance_info`, the instances. Predictions of videos have frame numbers instead of file names and are refused;
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
        persons = [
            _person(instance, f"{path}, instance {number}", order, names)
            for number, instance in enumerate(content, 1)
            if not _is_bodiless(instance)
        ]
        yield ImageResult(image, str(path), persons, path.parent, len(content) - len(persons))


def _is_bodiless(instance: Any) -> bool:
    return instance == {} or (
        isinstance(instance, dict) and instance.get("keypoints") == instance.get("keypoint_scores") == []
    )


def _person(instance: Any, where: str, order: JointOrder, names: tuple[str, ...] | None) -> Person:
    if not isinstance(instance, dict) or not {"keypoints", "keypoint_scores"} <= instance.keys():
        given = instance.keys() if isinstance(instance, dict) else ()
        hint = ""
        if "frame_id" in given:
            hint = "; these are frames of a video by number: run the inferencer on the frames' files"
        elif "image_id" in given:
            hint = "; this is COCO's form: import=coco"
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

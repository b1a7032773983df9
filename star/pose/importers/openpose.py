"""OpenPose's JSON (`--write_json`, its doc/02_output.md): one file `<image>_keypoints.json` an image.

`people` holds a person each with `pose_keypoints_2d` (`pose_keypoints` before version 1.1): x, y, confidence of each
joint of the model BODY_25, COCO or MPI; a joint that was not found is 0, 0, 0. There is no score of a person;
`person_id` is the number of the track, -1 without tracking. A person of whom only face or hands were found has an empty
list of joints. The coordinates are pixels unless `--keypoint_scale` was given: 3 makes them 0..1, 4 makes them -1..1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from star.errors import DataError
from star.pose.importers.joint_names import JointOrder
from star.pose.importers.result import ImageResult, files_of, image_of, load_json, person, triples

_VALUES = ("pose_keypoints_2d", "pose_keypoints")
_SUFFIX = "_keypoints"


def read_openpose(source: Path, order: JointOrder) -> Iterator[ImageResult]:
    """The results of a file or of all .json files of a folder.

    Raises:
        DataError: a file that is damaged or of another form; names it and the person.
    """
    for path in files_of(source, ".json"):
        content = load_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("people"), list):
            raise DataError(f"{path}: expected OpenPose's JSON with a list of people")
        persons = []
        for number, entry in enumerate(content["people"], 1):
            where = f"{path}, person {number}"
            key = next((name for name in _VALUES if name in entry), None) if isinstance(entry, dict) else None
            if key is None and entry != {}:
                raise DataError(f"{where}: expected {' or '.join(_VALUES)}")
            if key is not None and entry[key] != []:
                joints = order.apply(triples(entry[key], where), where)
                persons.append(person(joints, track=entry.get("person_id")))
        image = image_of(path, source).removesuffix(_SUFFIX)
        yield ImageResult(image, str(path), persons, path.parent, len(content["people"]) - len(persons))

import random

import numpy as np
import pytest
from support.known_skeletons import assert_known, known_joints

from star.data.coco_joints import JOINTS
from star.errors import DataError
from star.pose.importers import import_skeletons


def instance(joints, **more):
    return {"keypoints": joints[:, :2].tolist(), "keypoint_scores": joints[:, 2].tolist(), **more}


def test_the_inferencers_file_an_image(dump, splits, tmp_path):
    for listed in splits.values():
        for key in listed.keys:
            found = instance(known_joints(key), bbox=[[0.0, 0.0, 24.0, 48.0]], bbox_score=1.0)
            path = dump(f"predictions/{key}.json", [found])
    summary = import_skeletons("mmpose", path.parents[3], splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)
    assert summary.unknown_joints.count == 0


def test_the_demos_file_names_its_joints(dump, splits, names, tmp_path):
    order = [*JOINTS, "pelvis", "thorax"]
    random.Random(1).shuffle(order)
    for name, key in names.items():
        known = dict(zip(JOINTS, known_joints(key), strict=True))
        joints = np.array([known.get(joint, np.array([1, 1, 0.5])) for joint in order])
        meta = {"dataset_name": "own", "keypoint_id2name": {str(n): joint for n, joint in enumerate(order)}}
        content = {"meta_info": meta, "instance_info": [instance(joints)]}
        path = dump(f"predictions/results_{name.removesuffix('.jpg')}.json", content)
    summary = import_skeletons("mmpose", path.parent, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)
    assert set(summary.unknown_joints.first) == {"pelvis", "thorax"}


@pytest.mark.parametrize("joints", [26, 133])
def test_larger_models_are_cut_to_the_17_joints(dump, splits, names, tmp_path, joints):
    rest = np.full((joints - 17, 3), [2, 3, 0.5])
    for name, key in names.items():
        content = {"instances": [instance(np.concatenate([known_joints(key), rest]))]}
        path = dump(f"predictions/{name.removesuffix('.jpg')}.json", content)
    summary = import_skeletons("mmpose", path.parent, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)
    assert summary.unknown_joints.count == joints - 17


def test_the_box_score_chooses_among_persons(dump, splits, names, tmp_path):
    for name, key in names.items():
        other = known_joints(key) + np.array([1, 1, 0], np.float32)
        other[:, 2] = 1
        content = [instance(other, bbox_score=0.4), instance(known_joints(key), bbox_score=0.9)]
        path = dump(f"predictions/{name.removesuffix('.jpg')}.json", content)
    summary = import_skeletons("mmpose", path.parent, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)
    assert summary.several.count == 48


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"expected MMPose's JSON"),
        ({"instance_info": 3}, r"expected MMPose's JSON"),
        ([{"frame_id": 0, "instances": 1}], r"frame_id 0: expected a number and a list of instances"),
        ([{"frame_id": 0, "instances": [{}]}, {"instances": []}], r"instance 1: expected keypoints"),
        ([{"image_id": 0, "keypoints": []}], r"instance 1: .*import=coco"),
        ([{"keypoints": [[1, 2]]}], r"instance 1: expected keypoints and keypoint_scores"),
        ([{"keypoints": [[1, 2]], "keypoint_scores": [1, 2]}], r"keypoints \[1, 2\] and keypoint_scores \[2\]"),
        ([{"keypoints": [[1, 2, 3]], "keypoint_scores": [1]}], r"expected \[k, 2\] and \[k\]"),
        ([{"keypoints": [[1, None]], "keypoint_scores": [1]}], r"instance 1: expected numbers only"),
        ([instance(np.ones((14, 3)))], r"instance 1: 14 joints, expected .*joints=\[\.\.\]"),
        ({"meta_info": {"keypoint_id2name": 3}, "instance_info": []}, r"keypoint_id2name, expected names by number"),
        ({"meta_info": {"keypoint_id2name": {"a": "nose"}}, "instance_info": []}, r"expected names by number"),
    ],
)
def test_other_content_is_refused(dump, splits, tmp_path, content, message):
    with pytest.raises(DataError, match=r"a\.json.*" + message):
        import_skeletons("mmpose", dump("a.json", content), splits=splits, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()

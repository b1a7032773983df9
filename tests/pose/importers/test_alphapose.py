import numpy as np
import pytest
from support.known_skeletons import assert_known, known_joints, read_all

from star.data.coco_joints import JOINTS
from star.errors import DataError
from star.pose.importers import import_skeletons

COCO_18 = (0, 17, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""Position of each joint of AlphaPose's `cmu` order in COCO's with the neck appended."""


def entry(image, joints, **more):
    return {"image_id": image, "category_id": 1, "keypoints": joints.ravel().tolist(), "score": 2.9, **more}


def in_cmu_order(joints) -> list[float]:
    neck = joints[[5, 6]].mean(axis=0, keepdims=True)
    return np.concatenate([joints, neck])[list(COCO_18)].ravel().tolist()


def test_the_default_list(dump, splits, names, tmp_path):
    results = [entry(name, known_joints(key), box=[0, 0, 24, 48]) for name, key in names.items()]
    summary = import_skeletons(
        "alphapose", dump("alphapose-results.json", results), splits=splits, out=tmp_path / "out"
    )
    assert_known(tmp_path / "out", splits)
    assert summary.frames == {"train": (32, 32), "test": (16, 16)}
    assert summary.confident == {"visible": 1.0, "infrared": 1.0}
    assert summary.unknown_joints.count == summary.absent_joints.count == summary.unmatched.count == 0


@pytest.mark.parametrize(("group", "values"), [("bodies", "joints"), ("people", "pose_keypoints_2d")])
@pytest.mark.parametrize("separate", [False, True])
def test_the_dictionaries_of_cmu_and_open(dump, splits, names, tmp_path, group, values, separate):
    results = {
        name: {"version": "AlphaPose v0.3", group: [{values: in_cmu_order(known_joints(key))}]}
        for name, key in names.items()
    }
    source = dump("alphapose-results.json", results)
    if separate:
        source = [dump(f"sep-json/{name.split('.')[0]}.json", value) for name, value in results.items()][0].parent
    summary = import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)
    assert summary.unknown_joints == (1, ("neck",))


@pytest.mark.parametrize("joints", [26, 68, 133, 136])
def test_larger_models_are_cut_to_the_17_joints(dump, splits, names, tmp_path, joints):
    rest = np.full((joints - 17, 3), [3, 4, 0.9], np.float32)
    results = [entry(name, np.concatenate([known_joints(key), rest])) for name, key in names.items()]
    summary = import_skeletons("alphapose", dump("a.json", results), splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)
    assert summary.unknown_joints.count == joints - 17 and "left_big_toe" in summary.unknown_joints.first


def test_mpii_has_no_face(dump, splits, names, tmp_path):
    order = [16, 14, 12, 11, 13, 15, None, None, None, None, 10, 8, 6, 5, 7, 9]
    results = []
    for name, key in names.items():
        known = known_joints(key)
        results.append(entry(name, np.array([[1, 1, 0.9] if j is None else known[j] for j in order])))
    summary = import_skeletons("alphapose", dump("a.json", results), splits=splits, out=tmp_path / "out")
    assert summary.absent_joints == (5, JOINTS[:5]) and summary.unknown_joints.first == (
        "pelvis",
        "thorax",
        "neck",
        "head",
    )
    for key, joints in read_all(tmp_path / "out", splits).items():
        assert joints is not None
        assert (joints[:5] == 0).all() and np.allclose(joints[5:], known_joints(key)[5:], atol=1e-4)


def test_confidences_above_one_are_clipped_and_counted(dump, splits, names, tmp_path):
    results = []
    for name, key in names.items():
        joints = known_joints(key).astype(float)
        joints[3, 2], joints[4, 2] = 5.5, -0.1
        results.append(entry(name, joints))
    summary = import_skeletons("alphapose", dump("a.json", results), splits=splits, out=tmp_path / "out")
    assert summary.clipped == 2 * len(names) and "confidences outside 0..1, clipped: 96: up to 5.5" in summary.lines()
    for joints in read_all(tmp_path / "out", splits).values():
        assert joints is not None and joints[3, 2] == 1 and joints[4, 2] == 0


def test_numbers_of_images_belong_to_coco(dump, splits, tmp_path):
    source = dump("a.json", [entry(17, known_joints("a"))])
    with pytest.raises(DataError, match=r"a\.json, entry 1: image_id 17 is not a file name.*import=coco.*annotations="):
        import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], r"every result file is empty"),
        ({}, r"every result file is empty"),
        (3, r"int without results"),
        ([{"image_id": "a"}], r"entry 1: expected image_id and keypoints"),
        ([7], r"entry 1: expected image_id and keypoints"),
        ({"a.jpg": {"bodies": [{}]}}, r"image a\.jpg, bodies 1: expected joints"),
        ({"a.jpg": {"bodies": 5}}, r"image a\.jpg: expected a list of bodies or people"),
        ({"people": [{"pose_keypoints_2d": None}]}, r"people 1: expected numbers only"),
    ],
)
def test_other_content_is_refused(dump, splits, tmp_path, content, message):
    with pytest.raises(DataError, match=r"a\.json.*" + message):
        import_skeletons("alphapose", dump("a.json", content), splits=splits, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()

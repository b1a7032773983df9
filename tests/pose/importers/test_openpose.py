import numpy as np
import pytest
from support.known_skeletons import assert_known, known_joints, read_all
from support.tiny_vcm import HEIGHT, WIDTH

from star.errors import DataError
from star.pose.importers import import_skeletons

BODY_25 = (0, None, 6, 8, 10, 5, 7, 9, None, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3, *[None] * 6)
COCO_18 = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)


def in_order(joints, order) -> list[float]:
    return np.array([[0, 0, 0] if j is None else joints[j] for j in order], float).ravel().tolist()


def write(dump, splits, order, values="pose_keypoints_2d", change=lambda joints: joints):
    """Result files in folders like those of the frames; gives the folder."""
    for listed in splits.values():
        for key in listed.keys:
            person = {"person_id": [-1], values: in_order(change(known_joints(key)), order), "face_keypoints_2d": []}
            path = dump(f"json/{key}_keypoints.json", {"version": 1.3, "people": [person]})
    return path.parents[3]


@pytest.mark.parametrize("order", [BODY_25, COCO_18])
@pytest.mark.parametrize("values", ["pose_keypoints_2d", "pose_keypoints"])
def test_both_models_and_the_old_key(dump, splits, tmp_path, order, values):
    summary = import_skeletons("openpose", write(dump, splits, order, values), splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)
    assert summary.unknown_joints.first[0] == "neck" and summary.absent_joints.count == 0


def test_files_named_like_the_index(dump, splits, names, tmp_path):
    for name, key in names.items():
        content = {"people": [{"pose_keypoints_2d": in_order(known_joints(key), BODY_25)}]}
        path = dump(f"json/{name.removesuffix('.jpg')}_keypoints.json", content)
    import_skeletons("openpose", path.parent, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)


@pytest.mark.parametrize("coordinates", ["normalised", "centred"])
def test_scaled_coordinates(dump, splits, tmp_path, coordinates):
    def scale(joints):
        shares = joints / [WIDTH, HEIGHT, 1]
        return shares if coordinates == "normalised" else shares * [2, 2, 1] - [1, 1, 0]

    source = write(dump, splits, BODY_25, change=scale)
    import_skeletons("openpose", source, splits=splits, out=tmp_path / "out", coordinates=coordinates)
    assert_known(tmp_path / "out", splits)
    with pytest.raises(DataError, match=r"json: no coordinate of train is larger than .*coordinates=normalised"):
        import_skeletons("openpose", source, splits=splits, out=tmp_path / "out")


def test_joints_that_were_not_found_stay_at_zero(dump, splits, tmp_path):
    def hide(joints):
        return np.where(np.arange(17)[:, None] == 9, 0, joints / [WIDTH, HEIGHT, 1] * [2, 2, 1] - [1, 1, 0])

    source = write(dump, splits, BODY_25, change=hide)
    import_skeletons("openpose", source, splits=splits, out=tmp_path / "out", coordinates="centred")
    for joints in read_all(tmp_path / "out", splits).values():
        assert joints is not None and (joints[9] == 0).all() and (joints[10, 2] > 0)


def test_a_byte_order_mark_before_the_text(dump, splits, tmp_path):
    source = write(dump, splits, BODY_25)
    for path in source.rglob("*.json"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    import_skeletons("openpose", source, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)


def test_nobody_is_counted_and_gets_no_skeleton(dump, splits, tmp_path):
    source = write(dump, splits, BODY_25)
    key = splits["train"].keys[3]
    dump(f"json/{key}_keypoints.json", {"version": 1.3, "people": []})
    summary = import_skeletons("openpose", source, splits=splits, out=tmp_path / "out")
    assert summary.nobody == (1, (key,)) and summary.without.count == 0
    assert_known(tmp_path / "out", splits, without=(key,))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], r"expected OpenPose's JSON with a list of people"),
        ({"people": {}}, r"expected OpenPose's JSON with a list of people"),
        ({"people": [{"face_keypoints_2d": []}]}, r"person 1: expected pose_keypoints_2d or pose_keypoints"),
        ({"people": ["a"]}, r"person 1: expected pose_keypoints_2d"),
        ({"people": [{"pose_keypoints_2d": []}, {}]}, r"nobody was found in any of 1 frames"),
        ({"people": [{"pose_keypoints_2d": [1, 2, 3]}]}, r"person 1: 1 joints, expected 15, 16, 17, 18, 25"),
        ({"people": [{"pose_keypoints_2d": [1, 2]}]}, r"person 1: 2 values, expected x, y and confidence"),
    ],
)
def test_other_content_is_refused(dump, splits, tmp_path, content, message):
    path = dump("json/0001M1D2T1F1_keypoints.json", content)
    with pytest.raises(DataError, match=r"json.*" + message):
        import_skeletons("openpose", path.parent, splits=splits, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()

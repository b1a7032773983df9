import random

import numpy as np
import pytest
from support.known_skeletons import assert_known, known_joints, read_all

from star.data.coco_joints import JOINTS
from star.errors import DataError
from star.pose.importers import import_skeletons


def results(splits, image_of):
    return [
        {"image_id": image_of(key), "category_id": 1, "keypoints": known_joints(key).ravel().tolist(), "score": 0.7}
        for listed in splits.values()
        for key in listed.keys
    ]


def numbered(splits, start=100) -> dict[str, int]:
    return {key: start + n for n, key in enumerate(key for listed in splits.values() for key in listed.keys)}


def images(numbers, prefix="") -> list[dict]:
    return [{"id": n, "file_name": f"{prefix}{key}.jpg", "height": 48, "width": 24} for key, n in numbers.items()]


def test_numbers_go_through_the_list_of_images(dump, splits, tmp_path):
    numbers = numbered(splits)
    source = dump("results_keypoints.json", results(splits, numbers.get))
    notes = dump("annotations.json", {"images": images(numbers, "Any/"), "annotations": [], "categories": []})
    summary = import_skeletons("coco", source, splits=splits, out=tmp_path / "out", annotations=notes)
    assert_known(tmp_path / "out", splits)
    assert summary.frames == {"train": (32, 32), "test": (16, 16)}


def test_a_file_a_split_each_with_its_own_numbers(dump, splits, tmp_path):
    sources, notes = [], []
    for split, listed in splits.items():
        numbers = numbered({split: listed}, start=1)
        sources.append(dump(f"{split}.json", results({split: listed}, numbers.get)))
        notes.append(dump(f"{split}_images.json", {"images": images(numbers)}))
    import_skeletons("coco", sources, splits=splits, out=tmp_path / "out", annotations=notes)
    assert_known(tmp_path / "out", splits)
    with pytest.raises(DataError, match="annotations: given 2 files, expected one or as many as sources"):
        import_skeletons("coco", [*sources, sources[0]], splits=splits, out=tmp_path / "out", annotations=notes)


def test_file_names_need_no_annotations(dump, splits, tmp_path):
    source = dump("a.json", results(splits, lambda key: f"Train/{key}.jpg"))
    import_skeletons("coco", source, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)


def test_names_of_the_joints_in_the_annotations_decide_their_order(dump, splits, tmp_path):
    order = [*JOINTS, "neck"]
    random.Random(0).shuffle(order)
    numbers = numbered(splits)
    found = results(splits, numbers.get)
    for entry, key in zip(found, numbers, strict=True):
        known = dict(zip(JOINTS, known_joints(key).tolist(), strict=True)) | {"neck": [1, 1, 0.5]}
        entry["keypoints"] = [value for name in order for value in known[name]]
    notes = dump("n.json", {"images": images(numbers), "categories": [{"id": 1, "name": "person", "keypoints": order}]})
    summary = import_skeletons("coco", dump("a.json", found), splits=splits, out=tmp_path / "o", annotations=notes)
    assert_known(tmp_path / "o", splits)
    assert summary.unknown_joints == (1, ("neck",))
    import_skeletons("coco", dump("b.json", results(splits, "{}.jpg".format)), splits=splits, out=tmp_path / "o2")
    assert_known(tmp_path / "o2", splits)


def test_an_annotation_file_as_the_source(dump, splits, tmp_path):
    numbers = numbered(splits)
    found = results(splits, numbers.get)
    flags = np.arange(17) % 3
    for entry, key in zip(found, numbers, strict=True):
        joints = known_joints(key)
        joints[:, 2] = flags
        joints[flags == 0] = 0
        entry["keypoints"] = joints.ravel().tolist()
    source = dump("a.json", {"images": images(numbers), "annotations": found})
    import_skeletons("coco", source, splits=splits, out=tmp_path / "out")
    for key, joints in read_all(tmp_path / "out", splits).items():
        assert joints is not None and np.allclose(joints[:, 2], flags / 2)
        assert np.allclose(joints[flags > 0, :2], known_joints(key)[flags > 0, :2], atol=1e-4)


def test_numbers_that_no_image_has_are_named(dump, splits, tmp_path):
    numbers = numbered(splits)
    found = results(splits, numbers.get)
    found[5]["image_id"] = 7
    lost = list(numbers)[5]
    notes = dump("n.json", {"images": images(numbers)})
    summary = import_skeletons("coco", dump("a.json", found), splits=splits, out=tmp_path / "out", annotations=notes)
    assert summary.unmatched == (1, ("image_id 7",)) and summary.without == (1, (lost,))
    assert_known(tmp_path / "out", splits, without=(lost,))


def test_numbers_without_annotations_say_what_to_give(dump, splits, tmp_path):
    with pytest.raises(DataError, match=r"a\.json, entry 1: image_id 100 is a number; give annotations=FILE"):
        source = dump("a.json", results(splits, numbered(splits).get))
        import_skeletons("coco", source, splits=splits, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], r"a\.json: every result file is empty"),
        ({"images": []}, r"a\.json: expected a list of COCO keypoint results"),
        ([{"image_id": 1}], r"a\.json, entry 1: expected image_id and keypoints"),
        ([{"image_id": None, "keypoints": [1] * 51}], r"a\.json, entry 1: image_id None, expected a number or"),
        ([{"image_id": "x", "keypoints": [1] * 50}], r"a\.json, entry 1: 50 values"),
        ([{"image_id": "x", "keypoints": ["1"] * 51}], r"a\.json, entry 1: expected numbers only"),
        ([{"image_id": "x", "keypoints": [[1], [1, 2]]}], r"a\.json, entry 1: lists of different lengths"),
    ],
)
def test_other_content_is_refused(dump, splits, tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        import_skeletons("coco", dump("a.json", content), splits=splits, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"n\.json: expected a COCO annotation file with a list of images"),
        ({"images": [{"id": 1}]}, r"n\.json, image 1: expected id and file_name"),
        ({"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}]}, r"image 2: id 1 is given twice"),
    ],
)
def test_other_annotations_are_refused(dump, splits, tmp_path, content, message):
    source, notes = dump("a.json", results(splits, numbered(splits).get)), dump("n.json", content)
    with pytest.raises(DataError, match=message):
        import_skeletons("coco", source, splits=splits, out=tmp_path / "out", annotations=notes)

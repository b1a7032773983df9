"""What holds for every format: matching, choice of persons, scaling, and that nothing is half-written."""

import re

import numpy as np
import pytest
from support.known_skeletons import assert_known, known_joints, read_all

from star.data.coco_joints import JOINTS
from star.data.skeleton_stores import SkeletonWriter
from star.errors import DataError
from star.pose.importers import FORMATS, import_skeletons


def entry(image, joints, score=0.5):
    return {"image_id": image, "keypoints": joints.ravel().tolist(), "score": score}


@pytest.fixture
def whole(names):
    """AlphaPose results of every frame."""
    return [entry(name, known_joints(key)) for name, key in names.items()]


def test_images_and_frames_that_do_not_match_are_counted_and_the_first_ten_named(dump, whole, splits, names, tmp_path):
    strangers = [entry(f"stranger-{n}.jpg", known_joints("a")) for n in range(12)]
    lost = [names[result["image_id"]] for result in whole[20:35]]
    source = dump("a.json", whole[:20] + strangers + whole[35:])
    summary = import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")
    assert summary.unmatched == (12, tuple(f"stranger-{n}.jpg" for n in range(10)))
    assert summary.without == (15, tuple(lost[:10])) and summary.frames == {"train": (20, 32), "test": (13, 16)}
    assert_known(tmp_path / "out", splits, without=tuple(lost))
    table = [re.sub(r"  +", "  ", line) for line in str(summary).splitlines()]
    for line in (
        "  frames of the data set  48  train 32, test 16",
        "  frames with a skeleton  33  train 20, test 13",
        "  persons a frame  0.69  1 in 33",
        "  joints the source does not have, confidence 0  -",
        f"? frames without a result  15  {', '.join(lost[:3])}, ...",
        "? images of the source that are no frame  12  stranger-0.jpg, stranger-1.jpg, stranger-2.jpg, ...",
    ):
        assert line in table
    names_of_ten = ", ".join(f"stranger-{n}.jpg" for n in range(10))
    assert f"images of the source that are no frame: 12: {names_of_ten}, ..." in summary.lines()


def test_without_a_folder_all_is_checked_and_nothing_written(dump, whole, splits, tmp_path):
    source = dump("in/a.json", whole[1:])
    dry = import_skeletons("alphapose", source, splits=splits, out=None)
    assert [path.name for path in tmp_path.iterdir()] == ["in"] and dry.files == ()
    assert import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")._replace(files=()) == dry
    with pytest.raises(DataError, match="is given twice"):
        import_skeletons("alphapose", [source, source], splits=splits, out=None)


def test_the_best_person_of_a_crop_is_taken(dump, whole, splits, names, tmp_path):
    small = np.array([[5, 5, 0.9]] * 16 + [[6, 6, 0.9]])
    first, second, third = (result["image_id"] for result in whole[:3])
    whole[0]["score"] = 0.6
    worse = [entry(first, small, 0.5), entry(second, small, 0.5)]
    source = dump("a.json", [worse[1], *whole, worse[0], entry(third, known_joints("other"), 0.7)])
    summary = import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")
    keys = tuple(names[image] for image in (second, first, third))
    assert summary.several == (3, keys)
    stored = read_all(tmp_path / "out", splits)
    for key, expected in zip(keys, (keys[0], keys[1], "other"), strict=True):
        joints = stored[key]
        assert joints is not None and np.allclose(joints, known_joints(expected), atol=1e-4), key


def test_base_names_of_several_folders_are_refused(dump, splits, tmp_path):
    source = dump("a.json", [entry(f"{n}.jpg", known_joints("a")) for n in (1, 2, 3)])
    with pytest.raises(
        DataError, match=r"a\.json: 3 names of images may each be several frames \(1\.jpg may be train "
    ) as e:
        import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")
    assert "3.jpg may be" in str(e.value) and "0001M1D2T1F7.jpg" in str(e.value) and not (tmp_path / "out").exists()


def test_two_results_of_one_frame_are_refused(dump, whole, splits, names, tmp_path):
    image = whole[4]["image_id"]
    doubled = [*whole, entry(f"{names[image]}.jpg", known_joints("a"))]
    with pytest.raises(DataError, match=rf"frame {names[image]} is given twice.*a\.json, entry 5; .*a\.json, entry 49"):
        import_skeletons("alphapose", dump("a.json", doubled), splits=splits, out=tmp_path / "out")
    sources = [dump("one.json", whole), dump("two.json", whole)]
    with pytest.raises(DataError, match=r"is given twice.*one\.json, entry 1; .*two\.json, entry 1"):
        import_skeletons("alphapose", sources, splits=splits, out=tmp_path / "out")


def test_several_sources(dump, whole, splits, tmp_path):
    sources = [str(dump("train.json", whole[:32])), dump("test.json", whole[32:])]
    import_skeletons("alphapose", sources, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)


def test_a_split_or_modality_without_skeletons_is_doubtful(dump, whole, splits, names):
    visible = [result for result in whole[:32] if "/rgb/" in names[result["image_id"]]]
    table = str(import_skeletons("alphapose", dump("a.json", visible), splits=splits, out=None))
    table = re.sub(r"  +", "  ", table)
    assert "? frames with a skeleton  16  train 16, test 0" in table
    assert "? joints with confidence 0.3 or more  visible 100.0%, infrared none" in table


def test_no_image_is_a_frame(dump, splits, tmp_path):
    source = dump("a.json", [entry("x/y.jpg", known_joints("a"))])
    with pytest.raises(
        DataError, match=r"no image is a frame of the index; given 1: x/y\.jpg; expected names such as 0001/"
    ):
        import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")
    source = dump("b.json", {"0001M1D2T1F1.jpg": {"bodies": []}})
    with pytest.raises(DataError, match=r"b\.json: nobody was found in any of 1 frames"):
        import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")


def test_joints_of_resized_frames(dump, whole, splits, names, tmp_path):
    for result in whole:
        result["keypoints"] = (known_joints(names[result["image_id"]]) * [192 / 24, 256 / 48, 1]).ravel().tolist()
    source = dump("a.json", whole)
    with pytest.raises(
        DataError, match=r"a\.json: \d+ of \d+ confident joints lie inside.*source_size=\[HEIGHT,WIDTH\]"
    ):
        import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")
    import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out", source_size=(256, 192))
    assert_known(tmp_path / "out", splits)


def test_frames_whose_size_cannot_be_read_are_named(dump, whole, splits, tmp_path):
    class Broken:
        path = splits["train"].frames.path
        name = splits["train"].frames.name

        def read(self, key):
            return splits["train"].frames.read(key) if key != broken else b"no image"

    broken = splits["train"].keys[0]
    changed = splits | {"train": splits["train"]._replace(frames=Broken())}
    source = dump("a.json", whole)
    summary = import_skeletons("alphapose", source, splits=changed, out=tmp_path / "out", source_size=(48, 24))
    assert summary.unreadable.count == 1 and broken in summary.unreadable.first[0]
    assert_known(tmp_path / "out", splits, without=(broken,))
    joints = known_joints(broken)
    joints[3, 0] = 600
    whole[0]["keypoints"] = joints.ravel().tolist()
    summary = import_skeletons("alphapose", dump("b.json", whole), splits=changed, out=None)
    assert summary.unreadable.count == summary.far.count == 0, "joints in pixels need no size"


def test_names_given_by_the_user_go_before_all_others(dump, splits, names, tmp_path):
    results = [entry(name, known_joints(key)[::-1]) for name, key in names.items()]
    source = dump("a.json", results)
    import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out", joints=JOINTS[::-1])
    assert_known(tmp_path / "out", splits)


@pytest.mark.parametrize("kind", FORMATS)
def test_missing_and_damaged_sources(splits, tmp_path, kind):
    suffix = {"hdf5": ".h5", "npy": ".npy"}.get(kind, ".json")
    with pytest.raises(DataError, match=r"source: .*nowhere does not exist"):
        import_skeletons(kind, tmp_path / "nowhere", splits=splits, out=tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=rf"source: .*empty holds no \{suffix} file"):
        import_skeletons(kind, tmp_path / "empty", splits=splits, out=tmp_path / "out")
    for content in (b"", b" \n", b'[{"image_id": "a", "keypo', b"\xff\xfe\x00\x01", b'{"people": [' * 3):
        (tmp_path / f"a{suffix}").write_bytes(content)
        with pytest.raises(DataError, match=rf"a\{suffix} (cannot be read|is empty|is not)"):
            import_skeletons(kind, tmp_path / f"a{suffix}", splits=splits, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_options_that_do_not_go_together(splits, tmp_path):
    with pytest.raises(DataError, match=r"source_size: given \[2, 1\] with coordinates=normalised"):
        import_skeletons("npy", "x", splits=splits, out=tmp_path, coordinates="normalised", source_size=(2, 1))
    with pytest.raises(DataError, match=r"annotations: given with import=npy"):
        import_skeletons("npy", "x", splits=splits, out=tmp_path, annotations="a.json")
    with pytest.raises(DataError, match=r"import: given 'xml', expected one of hdf5, "):
        import_skeletons("xml", "x", splits=splits, out=tmp_path)  # type: ignore[arg-type]


def test_an_interrupted_import_keeps_both_old_files(dump, whole, splits, tmp_path, monkeypatch):
    source = dump("a.json", whole)
    import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    written = []

    def write(self, key, joints):
        written.append(key)
        if len(written) == 40:
            raise OSError("disk full")

    monkeypatch.setattr(SkeletonWriter, "write", write)
    with pytest.raises(OSError, match="disk full"):
        import_skeletons("alphapose", source, splits=splits, out=tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert set(before) == {"dataset-train.h5", "dataset-test.h5"}


def test_progress_is_told(dump, whole, splits, tmp_path):
    seen = []
    import_skeletons(
        "alphapose", dump("a.json", whole), splits=splits, out=tmp_path / "o", on_progress=lambda *now: seen.append(now)
    )
    assert seen == [(n, 48) for n in range(1, 49)]

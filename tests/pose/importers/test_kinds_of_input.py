"""What people brought: odd results that every format can have, each with the joints that must come out."""

import json

import h5py
import numpy as np
import pytest
from support.known_skeletons import assert_known, known_joints, read_all
from support.tiny_vcm import HEIGHT, WIDTH

from star.errors import DataError
from star.pose.importers import import_skeletons

ALL = ("hdf5", "npy", "alphapose", "openpose", "coco", "mmpose")


def as_json(kind, image, joints, **more):
    """One person in a format."""
    flat = joints.ravel().tolist()
    if kind == "openpose":
        return {"pose_keypoints_2d": flat, **more}
    if kind == "mmpose":
        return {"keypoints": joints[:, :2].tolist(), "keypoint_scores": joints[:, 2].tolist(), **more}
    return {"image_id": image, "keypoints": flat, **more}


def write(folder, kind, found):
    """Results of a format from [k 3] joints by key or path; gives the folder."""
    folder.mkdir(exist_ok=True)
    if kind == "hdf5":
        with h5py.File(folder / "a.h5", "w") as file:
            for key, joints in found.items():
                file[key] = joints
    elif kind == "npy":
        for key, joints in found.items():
            np.save(folder / f"{key.replace('/', '_')}.npy", joints)
    elif kind in ("alphapose", "coco"):
        (folder / "a.json").write_text(json.dumps([as_json(kind, f"{key}.jpg", j) for key, j in found.items()]))
    else:
        for key, joints in found.items():
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            person = [as_json(kind, key, joints)]
            (folder / f"{key}.json").write_text(json.dumps({"people": person} if kind == "openpose" else person))
    return folder


@pytest.fixture
def known(names):
    return {key: known_joints(key).astype(float) for key in names.values()}


def require_one_missing(stored, odd):
    """Joint 4 of the frame `odd` is missing, and all others are as they were."""
    for key, joints in stored.items():
        expected = known_joints(key)
        if key == odd:
            expected[4] = 0
        assert joints is not None and np.allclose(joints, expected, atol=1e-4), key


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("kind", ALL)
def test_joints_that_are_no_numbers_are_missing(splits, known, tmp_path, kind, value, place):
    odd = list(known)[3]
    known[odd][4, place] = value
    summary = import_skeletons(kind, write(tmp_path / "in", kind, known), splits=splits, out=tmp_path / "out")
    require_one_missing(read_all(tmp_path / "out", splits), odd)
    assert summary.not_finite == (1, (odd,)) and "? frames with joints NaN or infinite, confidence 0" in str(summary)


@pytest.mark.parametrize("value", [1e30, -1e300, 11.1 * 48])
@pytest.mark.parametrize("options", [{}, {"source_size": (HEIGHT, WIDTH)}, {"coordinates": "normalised"}])
@pytest.mark.parametrize("kind", ["alphapose", "mmpose"])
def test_joints_far_outside_their_frame_are_missing_and_named(splits, known, tmp_path, kind, options, value):
    odd = list(known)[3]
    known[odd][4, 1] = value
    if "coordinates" in options:
        known = {key: joints / [WIDTH, HEIGHT, 1] for key, joints in known.items()}
    source = write(tmp_path / "in", kind, known)
    summary = import_skeletons(kind, source, splits=splits, out=tmp_path / "out", **options)
    require_one_missing(read_all(tmp_path / "out", splits), odd)
    count, (first,) = summary.far
    assert count == 1 and first.startswith(f"{odd} right_ear ({source}") and "ten frame sizes outside" in str(summary)


def test_absurd_places_of_joints_that_were_not_found_are_none(splits, known, tmp_path):
    for joints in known.values():
        joints[4] = 1e30, 1e30, 0
    summary = import_skeletons("alphapose", write(tmp_path / "in", "alphapose", known), splits=splits, out=None)
    assert summary.far.count == 0


@pytest.mark.parametrize("count", [17, 26, 133, 136])
@pytest.mark.parametrize("kind", ALL)
def test_the_numbered_families_are_known_in_every_format(splits, known, tmp_path, kind, count):
    found = {key: np.concatenate([joints, np.full((count - 17, 3), 0.5)]) for key, joints in known.items()}
    import_skeletons(kind, write(tmp_path / "in", kind, found), splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)


@pytest.mark.parametrize(("count", "odd"), [(17, 16), (18, 25), (26, 17)])
@pytest.mark.parametrize("kind", ALL)
def test_one_person_with_another_number_of_joints_is_named(splits, known, tmp_path, kind, count, odd):
    """Taken by its number it would be of another model, its joints exchanged without a word."""
    found = {key: np.resize(joints, (count, 3)) for key, joints in known.items()}
    damaged = list(found)[5]
    found[damaged] = np.resize(found[damaged], (odd, 3))
    source = write(tmp_path / "in", kind, found)
    with pytest.raises(
        DataError, match=rf": {odd} joints, and .*: {count} joints; expected one number in the"
    ) as error:
        import_skeletons(kind, source, splits=splits, out=tmp_path / "out")
    name = "entry 6" if kind in ("alphapose", "coco") else damaged.replace("/", "_") if kind == "npy" else damaged
    assert name in str(error.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["alphapose", "openpose", "coco", "mmpose"])
def test_files_of_other_systems_are_passed_over(splits, known, tmp_path, kind):
    source = write(tmp_path / "in", kind, known)
    for path in list(source.rglob("*.json")):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7")
    (source / "@eaDir").mkdir()
    (source / "@eaDir" / "a.json").write_bytes(b"\0")
    import_skeletons(kind, source, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)


@pytest.mark.parametrize("odd", [{}, "empty"])
@pytest.mark.parametrize("first", [True, False])
def test_persons_without_a_body_are_nobody(splits, known, tmp_path, odd, first):
    odd = {"person_id": [-1], "pose_keypoints_2d": [], "hand_left_keypoints_2d": [1, 2, 0.3] * 21} if odd else odd
    source = write(tmp_path / "in", "openpose", known)
    beside, alone = list(known)[3:5]
    person = as_json("openpose", "", known[beside])
    people = [odd, person] if first else [person, odd]
    (source / f"{beside}.json").write_text(json.dumps({"people": people}))
    (source / f"{alone}.json").write_text(json.dumps({"people": [odd]}))
    summary = import_skeletons("openpose", source, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits, without=(alone,))
    assert summary.nobody == (1, (alone,)) and summary.bodiless == (2, (beside, alone)) and summary.several.count == 0


@pytest.mark.parametrize("kind", ["alphapose", "coco"])
def test_one_empty_list_among_several_files(splits, known, tmp_path, kind):
    lost = tuple(known)[-5:]
    source = write(tmp_path / "in", kind, {key: joints for key, joints in known.items() if key not in lost})
    (source / "b.json").write_text("[]")
    summary = import_skeletons(kind, source, splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits, without=lost)
    assert summary.empty == (1, (str(source / "b.json"),)) and summary.without == (5, lost)
    import_skeletons(kind, [source / "b.json", source / "a.json"], splits=splits, out=tmp_path / "again")
    (source / "a.json").write_text("[]")
    with pytest.raises(DataError, match=r"every result file is empty \(2: .*a\.json, .*b\.json\), expected results"):
        import_skeletons(kind, source, splits=splits, out=tmp_path / "out")


@pytest.mark.parametrize("split_folder", [True, False])
def test_the_folder_of_a_result_file_places_its_images(dump, splits, tmp_path, split_folder, monkeypatch):
    files = []
    for split, listed in splits.items():
        for place in dict.fromkeys(key.rpartition("/")[0] for key in listed.keys):
            mine = [key for key in listed.keys if key.startswith(f"{place}/")]
            content = [as_json("alphapose", f"{key.rpartition('/')[2]}.jpg", known_joints(key)) for key in mine]
            prefix = f"{split.capitalize()}/" if split_folder else ""
            files.append(dump(f"in/{prefix}{place}/alphapose-results.json", content))
    import_skeletons("alphapose", tmp_path / "in", splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)
    import_skeletons("alphapose", files, splits=splits, out=tmp_path / "again")
    assert_known(tmp_path / "again", splits)
    monkeypatch.chdir(files[0].parent)
    summary = import_skeletons("alphapose", files[0].name, splits=splits, out=tmp_path / "one")
    assert sum(found for found, _ in summary.frames.values()) == len(json.loads(files[0].read_text()))


def test_a_surplus_image_in_a_folder_is_no_frame_of_another(dump, splits, names, tmp_path):
    key = splits["train"].keys[0]
    place = key.rpartition("/")[0]
    results = [as_json("alphapose", image, known_joints(key)) for image in ("1.jpg", "99.jpg")]
    summary = import_skeletons("alphapose", dump(f"in/{place}/a.json", results), splits=splits, out=tmp_path / "out")
    assert summary.unmatched == (1, ("99.jpg",)) and summary.frames["train"][0] == 1


def test_the_form_of_poseflow_and_its_track_numbers(dump, splits, known, names, tmp_path):
    results = {}
    for n, (name, key) in enumerate(names.items()):
        mine = {"keypoints": known[key].ravel().tolist(), "scores": 1.0, "idx": 1}
        other = {"keypoints": (known[key] + [30, 0, 0]).ravel().tolist(), "scores": 0.5 + n % 2, "idx": [2.0]}
        results[name] = [other, mine] if n % 3 else [mine, other]
    summary = import_skeletons("alphapose", dump("a.json", results), splits=splits, out=tmp_path / "out")
    assert_known(tmp_path / "out", splits)
    assert summary.several.count == 48 and summary.not_best.count == 24 and summary.changed.count == 0


def two_people(names, shift, scores):
    """Results of every frame with one person who walks a little and one `shift` pixels to the right."""
    walk = np.stack([6 + np.linspace(0, 8, 17), np.linspace(2, HEIGHT - 4, 17), np.full(17, 0.9)], axis=1)
    results, expected = [], {}
    for n, (name, key) in enumerate(names.items()):
        expected[key] = walk + [0.5 * (n % 4), 0, 0]
        for person, score in zip((expected[key], expected[key] + [shift, 0, 0]), scores(n), strict=True):
            results.append(as_json("alphapose", name, person, score=score))
    return results, expected


@pytest.mark.parametrize("order", [1, -1])
def test_the_person_that_continues_the_track_is_taken(dump, splits, names, tmp_path, order):
    results, expected = two_people(names, 15, lambda n: (2.0, 2.1 if n % 2 == 0 else 1.9))
    summary = import_skeletons("alphapose", dump("a.json", results[::order]), splits=splits, out=tmp_path / "out")
    for key, joints in read_all(tmp_path / "out", splits).items():
        assert joints is not None and np.allclose(joints, expected[key], atol=1e-4), key
    assert (summary.several.count, summary.not_best.count, summary.changed.count) == (48, 24, 0)
    assert summary.people == {2: 48}
    table = [" ".join(line.split()) for line in str(summary).splitlines()]
    assert any(line.startswith("? frames with several persons, one chosen 48 00") for line in table)
    assert "where the person changes -" in table


def test_the_change_of_a_person_is_counted(dump, splits, names, tmp_path):
    results, _ = two_people(names, 15, lambda n: (2.0, 1.0))
    last = list(names)[3]  # of the first tracklet, where the person that was followed is not found
    del results[6]
    summary = import_skeletons("alphapose", dump("a.json", results), splits=splits, out=tmp_path / "out")
    assert summary.several.count == 47 and summary.changed.count == 1 and names[last] == summary.changed.first[0]


@pytest.mark.parametrize("kind", ALL)
def test_frames_counted_from_0_are_refused_and_can_be_shifted(splits, known, tmp_path, kind):
    early = {f"{key.rpartition('/')[0]}/{int(key.rpartition('/')[2]) - 1}": joints for key, joints in known.items()}
    source = write(tmp_path / "in", kind, early)
    with pytest.raises(DataError, match=r"in: images are counted from 0 and frames from 1: .*give shift_frames=1"):
        import_skeletons(kind, source, splits=splits, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    import_skeletons(kind, source, splits=splits, out=tmp_path / "out", shift_frames=1)
    assert_known(tmp_path / "out", splits)


def test_a_surplus_0_in_one_folder_is_only_unmatched(splits, known, tmp_path):
    known["0001/ir/D2/0"] = known["0001/ir/D2/1"]
    summary = import_skeletons("npy", write(tmp_path / "in", "npy", known), splits=splits, out=tmp_path / "out")
    assert summary.unmatched.count == 1
    assert_known(tmp_path / "out", splits)


def places(splits):
    """Keys by the folder of their tracklet."""
    found = {}
    for listed in splits.values():
        for key in listed.keys:
            found.setdefault(key.rpartition("/")[0], []).append(key)
    return found


@pytest.mark.parametrize("form", ["{}.json", "{}/results.json"])
def test_the_predictions_of_a_video_a_tracklet(dump, splits, tmp_path, form):
    """MMPose counts the frames of a video from 0."""
    for place, keys in places(splits).items():
        content = [
            {"frame_id": n, "instances": [as_json("mmpose", "", known_joints(key))]} for n, key in enumerate(keys)
        ]
        dump("in/" + form.format(place), content)
    with pytest.raises(DataError, match="images are counted from 0 and frames from 1: .*give shift_frames=1"):
        import_skeletons("mmpose", tmp_path / "in", splits=splits, out=tmp_path / "out")
    import_skeletons("mmpose", tmp_path / "in", splits=splits, out=tmp_path / "out", shift_frames=1)
    assert_known(tmp_path / "out", splits)


@pytest.mark.parametrize("first", [0, 1])
def test_images_counted_by_their_place_in_a_later_tracklet_are_refused(dump, splits, tmp_path, first):
    """Frames 3 to 10 of a folder, images 0 to 7 or 1 to 8: image 3 would be taken for the first frame."""
    later = {
        split: listed._replace(keys=[key[:-1] + str(int(key[-1]) + 2) for key in listed.keys], names=[])
        for split, listed in splits.items()
    }
    for place, keys in places(later).items():
        results = [as_json("alphapose", f"{n}.jpg", known_joints(key)) for n, key in enumerate(keys, first)]
        dump(f"in/{place}/alphapose-results.json", results)
    with pytest.raises(DataError, match=rf"D\d are numbered {first} to {first + 7} and its 8 frames 3 to 10: by"):
        import_skeletons("alphapose", tmp_path / "in", splits=later, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["hdf5", "npy"])
def test_joints_stored_as_whole_numbers_are_doubtful_and_without_any_confidence_refused(splits, known, tmp_path, kind):
    """Cut to whole numbers, a confidence below 1 is 0."""
    for joints in known.values():
        joints[:, 2] = np.linspace(0.5, 1, 17)
    whole = {key: joints.astype(int) for key, joints in known.items()}
    summary = import_skeletons(kind, write(tmp_path / "in", kind, whole), splits=splits, out=tmp_path / "out")
    assert summary.whole_numbers and "? joints are whole numbers" in str(summary)
    assert "? joints with confidence 0.3 or more" in str(summary)
    for joints in whole.values():
        joints[:, 2] = 0
    source = write(tmp_path / "zero", kind, whole)
    with pytest.raises(DataError, match="no joint of train has a confidence above 0, expected 0..1"):
        import_skeletons(kind, source, splits=splits, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_pixels_that_are_called_normalised_are_told(splits, known, tmp_path):
    source = write(tmp_path / "in", "npy", known)
    with pytest.raises(
        DataError, match="coordinates=normalised may be wrong: give coordinates=pixels if they are pixels"
    ):
        import_skeletons("npy", source, splits=splits, out=tmp_path / "out", coordinates="normalised")

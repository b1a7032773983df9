"""Skeleton files that are read as they are: what an import refuses or corrects is refused or noted here too."""

import fcntl

import h5py
import numpy as np
import pytest
from support.tiny_vcm import HEIGHT, WIDTH, plain_joints

from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.skeleton_stores import HDF5_FILES, Hdf5Skeletons
from star.errors import DataError
from star.pose.frame_list import list_frames
from star.pose.importers import import_skeletons


@pytest.fixture
def skeletons(tiny, tmp_path):
    """Writes files without attributes, as other hands make them; gives their folder."""

    def write(joints=None, form="hdf5", named=lambda key: key):
        folder = tmp_path / "skeletons"
        folder.mkdir(exist_ok=True)
        values = plain_joints() if joints is None else joints
        for split, listed in list_frames(tiny.root).items():
            if form == "npy":
                for key in listed.keys:
                    np.save(folder / f"{named(key).replace('/', '_')}.npy", values)
                continue
            with h5py.File(folder / HDF5_FILES[split], "w") as file:
                for key in listed.keys:
                    file[named(key)] = values
        return folder

    return write


def counted_from_0(key):
    folder, _, number = key.rpartition("/")
    return f"{folder}/{int(number) - 1}"


@pytest.mark.parametrize("form", ["hdf5", "npy"])
@pytest.mark.parametrize("centred", [False, True])
def test_shares_of_the_frame_are_refused(tiny, skeletons, form, centred):
    shares = plain_joints() / [WIDTH, HEIGHT, 1]
    joints = shares * [2, 2, 1] - [1, 1, 0] if centred else shares
    with pytest.raises(DataError, match=rf"no coordinate of .*import={form} source=.* coordinates=normalised"):
        read_hitsz_vcm(tiny.root, skeletons=skeletons(joints, form))


@pytest.mark.parametrize("form", ["hdf5", "npy"])
def test_confidences_of_another_scale_are_noted(tiny, skeletons, form):
    joints = plain_joints()
    joints[:, 2] = 230
    notes = read_hitsz_vcm(tiny.root, skeletons=skeletons(joints, form)).notes
    assert sum("confidences lie outside 0..1 (from 230 to 230) and are taken as 0 or 1" in note for note in notes) == 2


@pytest.mark.parametrize("kind", ["i4", "u1", "f4"])
def test_whole_numbers_are_noted(tiny, skeletons, kind):
    notes = read_hitsz_vcm(tiny.root, skeletons=skeletons(plain_joints().astype("i4").astype(kind))).notes
    assert sum("whole numbers, so confidences between 0 and 1 are lost (100% of them are 0)" in n for n in notes) == 2


@pytest.mark.parametrize("odd", [lambda joints: joints[:, [1, 0, 2]], lambda joints: joints[::-1]])
def test_joints_in_another_order_or_turned_are_noted(tiny, skeletons, tmp_path, odd):
    """Nothing else tells them from ours: as many joints, inside the frame."""
    standing = plain_joints() * [0, 0.4, 1] + [[12 + 3 * (-1) ** j, 0, 0] for j in range(17)]
    joints = odd(standing)
    notes = read_hitsz_vcm(tiny.root, skeletons=skeletons(joints)).notes
    asked = (
        "sampled skeletons shoulders, hips and ankles do not come in this order from above: are the joints in COCO's"
    )
    assert sum(asked in note for note in notes) == 2
    splits = list_frames(tiny.root)
    summary = import_skeletons("hdf5", tmp_path / "skeletons", splits=splits, out=None)
    assert summary.not_upright.count == sum(listed for _, listed in summary.frames.values())


def filling_joints(scale):
    """[17 3] from one corner of the frame to the other but for a tenth, as people fill their crops, times a scale."""
    steps = np.linspace(0.1, 0.9, 17)
    return np.stack([WIDTH * steps * scale[0], HEIGHT * steps * scale[1], np.full(17, 0.9)], axis=1)


@pytest.mark.parametrize("form", ["hdf5", "npy"])
@pytest.mark.parametrize(
    ("scale", "reason"),
    [
        ((0.25, 0.25), "of the width of their frame, as if they were found on smaller images"),
        ((0.5, 0.5), "within the first 45% of the width"),
        ((1, 0.5), "within the first 45% of the height"),
        ((0.5, 1), "within the first 45% of the width"),
        ((0.75, 0.75), "within the first 68% of the height"),
        ((1.25, 1.25), "confident joints lie outside their frame, as if they were found on larger images"),
        ((1.5, 1.5), "confident joints lie outside their frame"),
    ],
)
def test_joints_found_on_images_of_another_size_are_noted(tiny, skeletons, form, scale, reason):
    """Real and generated people reach down to 0.90 to 0.93 of the height and 0.82 to 0.94 of the width, and 0.1 % of
    their joints lie outside."""
    folder = skeletons(filling_joints(scale), form)
    notes = [note for note in read_hitsz_vcm(tiny.root, skeletons=folder).notes if "sampled confident joints" in note]
    assert len(notes) == 2 and all(reason in note for note in notes), notes
    assert all(f"import={form} source={folder} source_size=[HEIGHT,WIDTH] scales them" in note for note in notes)
    summary = import_skeletons(form, folder, splits=list_frames(tiny.root), out=None)
    assert [doubt.partition(":")[0] for doubt in summary.another_size] == ["train", "test"]
    assert all(reason in doubt and "give source_size=" in doubt for doubt in summary.another_size)
    assert str(summary).count("? joints of another image size") == 2


@pytest.mark.parametrize("scale", [(1, 1), (0.8, 0.8), (1.1, 1.1)])
def test_joints_that_fill_the_frame_are_not(tiny, skeletons, scale):
    folder = skeletons(filling_joints(scale))
    assert read_hitsz_vcm(tiny.root, skeletons=folder).notes == read_hitsz_vcm(tiny.root).notes
    assert import_skeletons("hdf5", folder, splits=list_frames(tiny.root), out=None).another_size == ()


def test_a_few_joints_do_not_tell_the_size_of_their_images(tiny, skeletons):
    joints = filling_joints((0.5, 0.5))
    folder = skeletons(joints)
    joints[:, 2] = 0.1
    for name in HDF5_FILES.values():
        with h5py.File(folder / name, "a") as file:
            for number, key in enumerate(list_frames(tiny.root)[name[8:-3]].keys):
                file[key][:] = joints if number % 50 else filling_joints((0.5, 0.5))
    assert not read_hitsz_vcm(tiny.root, skeletons=folder).notes


def test_people_who_lie_or_bend_now_and_then_are_no_reason(tiny, skeletons, tmp_path):
    folder = skeletons(plain_joints())
    with h5py.File(folder / HDF5_FILES["train"], "a") as file:
        file["0001/ir/D2/1"][:, 1] = HEIGHT - plain_joints()[:, 1]
    assert import_skeletons("hdf5", folder, splits=list_frames(tiny.root), out=None).not_upright.count == 0


@pytest.mark.parametrize("form", ["hdf5", "npy"])
def test_absurd_numbers_are_read_without_a_warning(tiny, skeletons, form):
    """Here every warning is an error."""
    joints = plain_joints().astype(np.float64)
    joints[5:7] = [[1e300, 1e300, 0.9], [3e38, 3e38, 0.9]]
    joints[11:13, 1] = 3e38
    data = read_hitsz_vcm(tiny.root, skeletons=skeletons(joints, form))
    assert data.query.skeletons is not None
    read = np.asarray(data.query.skeletons.read(data.query.tracklets[0].frames[0]))
    assert np.isinf(read[5, :2]).all() and np.isfinite(read[6]).all()


def test_usual_files_give_no_note(tiny, skeletons):
    joints = plain_joints()
    joints[3] = np.nan
    assert read_hitsz_vcm(tiny.root, skeletons=skeletons(joints)).notes == read_hitsz_vcm(tiny.root).notes


@pytest.mark.parametrize(
    ("form", "named", "key"),
    [
        ("hdf5", lambda key: f"{key}.jpg", r"0001/ir/D2/1\.jpg"),
        ("hdf5", lambda key: f"Train/{key}", r"Train/0001/ir/D2/1"),
        ("npy", lambda key: f"x/{key}", r"x_0001_ir_D2_1"),
    ],
)
def test_keys_of_another_form_are_shown_beside_the_expected(tiny, skeletons, tmp_path, form, named, key):
    folder = skeletons(form=form, named=named)
    message = rf"0 of \d+ sampled.*first key is {key}, expected keys such as 0001/ir/D2/1: .*import={form} source="
    with pytest.raises(DataError, match=message):
        read_hitsz_vcm(tiny.root, skeletons=folder)
    if form == "hdf5":
        summary = import_skeletons("hdf5", folder, splits=list_frames(tiny.root), out=tmp_path / "out")
        assert all(found == listed for found, listed in summary.frames.values())


@pytest.mark.parametrize("form", ["hdf5", "npy"])
def test_frames_counted_from_0_are_refused(tiny, skeletons, form):
    with pytest.raises(DataError, match=rf"are counted from 0 and the frames from 1: .*import={form} .*shift_frames=1"):
        read_hitsz_vcm(tiny.root, skeletons=skeletons(form=form, named=counted_from_0))


@pytest.mark.parametrize("how", ["locked", "no locks"])
def test_files_that_cannot_be_locked_are_read(tiny, skeletons, tmp_path, how, monkeypatch):
    folder = skeletons()
    if how == "no locks":
        opened = h5py.File

        def refuse(path, mode, **options):
            if mode == "r" and options.get("locking") is not False:
                raise OSError(37, "unable to lock file, errno = 37, error message = 'No locks available'")
            return opened(path, mode, **options)

        monkeypatch.setattr(h5py, "File", refuse)
    with (folder / HDF5_FILES["train"]).open("rb") as other:
        if how == "locked":
            fcntl.flock(other, fcntl.LOCK_EX)
        read = Hdf5Skeletons(folder / HDF5_FILES["train"]).read("0001/ir/D2/1")
        assert read is not None and np.array_equal(read, plain_joints())
        import_skeletons("hdf5", folder, splits=list_frames(tiny.root), out=tmp_path / "out")

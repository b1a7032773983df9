"""Cleaning on the way of a clip: whole tracklets, every frame size, any number of workers."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.loaders import evaluation_loader, train_loader
from support.packing import packed
from support.tiny_vcm import HEIGHT, WIDTH, plain_joints, write_jpeg, write_tiny_vcm

from star.data.cleaning import Cleaning
from star.data.frame_joints import fill_missing
from star.data.frame_size import frame_size
from star.data.frames import FolderFrames
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.loader import EvaluationLoader, TrainLoader
from star.data.pack.encoding import Storage
from star.data.skeleton_stores import HDF5_FILES, SkeletonWriter, index_sha256
from star.data.tracklet_joints import TrackletJoints
from star.errors import DataError
from star.types import Split, Tracklet, VideoReIDData

INTERPOLATE = Cleaning(interpolate=True, max_gap=5, filter="none", window=7, order=2, min_cutoff=0.2, beta=1.0)
MISSING = (3, 4, 9)
"""Frames of every tracklet, from 0, without a skeleton."""
KEYS = tuple(f"0001/ir/D2/{n}" for n in range(1, 13))


class Store:
    """Joints at (n, 2n) % of the frame in frame n, whatever its size; some frames have none. Counts the reads."""

    path = Path("memory")

    def __init__(self, sizes):
        self.sizes = sizes
        self.reads = 0

    def read(self, key):
        self.reads += 1
        number = int(key.rpartition("/")[2])
        if number - 1 in MISSING:
            return None
        height, width = self.sizes[key]
        return np.full((17, 3), [number / 100 * width, 2 * number / 100 * height, 0.8], np.float32)

    def provenance(self):
        return "memory"


@pytest.fixture
def split(tmp_path) -> Split:
    random = np.random.default_rng(0)
    sizes = {key: (int(random.integers(30, 60)), int(random.integers(15, 40))) for key in KEYS}
    for key, (height, width) in sizes.items():
        write_jpeg(tmp_path / f"{key}.jpg", np.zeros((height, width, 3), np.uint8))
    tracklet = Tracklet(1, 2, "infrared", KEYS)
    return Split("query", FolderFrames(tmp_path), (tracklet,), Store(sizes))


def test_gaps_are_filled_in_shares_of_frames_that_differ_in_size(split):
    found = TrackletJoints(split, INTERPOLATE, 0.0).read(KEYS, KEYS)
    expected = np.arange(1, 13)[:, None, None] * [0.01, 0.02]
    assert found.present.all() and np.allclose(found.joints[..., :2], expected, atol=1e-6)
    assert found.counts == {
        "frames_without_skeleton": 3,
        "nan_joints": 0,
        "far_joints": 0,
        "low_joints": 0,
        "interpolated_joints": 3 * 17,
    }


def test_a_tracklet_is_read_once_and_its_clips_depend_on_nothing_else(split):
    joints = TrackletJoints(split, INTERPOLATE, 0.0)
    few = joints.read(KEYS, [KEYS[3], KEYS[3], KEYS[5]])
    assert split.skeletons.reads == 12
    assert np.allclose(few.joints[:2, :, 0], 0.04) and few.counts["interpolated_joints"] == 2 * 17
    whole = joints.read(KEYS, KEYS)
    assert split.skeletons.reads == 12 and np.array_equal(whole.joints[[3, 3, 5]], few.joints)


def test_frames_without_a_readable_header_take_no_part(split):
    (split.frames.path / f"{KEYS[7]}.jpg").write_bytes(b"\xff\xd8 no header")
    found = TrackletJoints(split, replace(INTERPOLATE, max_gap=1), 0.0).read(KEYS, KEYS)
    assert np.flatnonzero(~found.present[:, 0]).tolist() == [3, 4]
    assert np.allclose(found.joints[7, :, 0], 0.08) and found.interpolated[7].all()


def test_the_size_of_a_frame_is_read_from_its_header(split):
    assert [frame_size(split.frames, key) for key in KEYS] == list(split.skeletons.sizes.values())
    path = split.frames.path / f"{KEYS[0]}.jpg"
    path.write_bytes(path.read_bytes()[:-20])
    assert frame_size(split.frames, KEYS[0]) == split.skeletons.sizes[KEYS[0]]
    for content in (b"", b"\xff\xd8 no header"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"1\.jpg has no readable image header"):
            frame_size(split.frames, KEYS[0])
    with pytest.raises(DataError, match=r"99\.jpg is missing"):
        frame_size(split.frames, "0001/ir/D2/99")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> VideoReIDData:
    """Every frame has the same joints, except the frames `MISSING` of each tracklet."""
    tiny = write_tiny_vcm(tmp_path_factory.mktemp("gaps") / "vcm", skeletons=True)
    for split, file in HDF5_FILES.items():
        names = (tiny.index / f"{split}_name.txt").read_text().split()
        keys = [f"{n[:4]}/{'ir' if n[5] == '1' else 'rgb'}/D{n[7]}/{n.partition('F')[2][:-4]}" for n in names]
        with SkeletonWriter(tiny.root / file, estimator="t", version="1", index_sha256=index_sha256(names)) as writer:
            for position, key in enumerate(keys):
                if position % 12 not in MISSING:
                    writer.write(key, plain_joints())
    return read_hitsz_vcm(tiny.root)


def evaluation(split, workers=2, **options) -> EvaluationLoader:
    return evaluation_loader(split, frames=12, height=HEIGHT, width=WIDTH, workers=workers, **options)


def training(data, workers, **options) -> TrainLoader:
    shape = {"frames": 4, "height": HEIGHT, "width": WIDTH, "pad": 3, "flip": 0.5}
    return train_loader(data.train, workers=workers, erase=0.0, **shape, **options)


def test_filled_joints_are_sure_and_counted_once_a_use(data, caplog):
    loader = evaluation(data.query, cleaning=INTERPOLATE)
    with caplog.at_level(logging.WARNING):
        batches = list(loader)
    expected = plain_joints() / [WIDTH, HEIGHT, 1]
    confidence = np.full(12, 0.9)
    confidence[list(MISSING)] = 0.9 * 5 / 6
    for batch in batches:
        for clip in batch.joints[: batch.count]:
            assert np.allclose(clip[..., :2], expected[:, :2], atol=1e-6)
            assert np.allclose(clip[..., 2], confidence[:, None], atol=1e-6)
    clips = len(data.query.tracklets)
    assert loader.counts["interpolated_joints"] == clips * 3 * 17
    assert loader.counts["frames_without_skeleton"] == clips * 3
    assert f"{clips * 3 * 17} interpolated joints" in caplog.text
    assert [np.array_equal(a.joints, b.joints) for a, b in zip(batches, loader, strict=True)] == [True] * len(batches)


def test_what_is_not_filled_follows_the_policy_of_missing_joints(data):
    loader = evaluation(data.query, cleaning=replace(INTERPOLATE, max_gap=1))
    clip = next(iter(loader)).joints[0]
    assert (clip[[3, 4], :, 2] == 0).all() and (clip[9, :, 2] > 0).all()
    stored = next(iter(evaluation(data.query))).joints[0]
    present = np.ones((12, 17), bool)
    present[list(MISSING)] = False
    assert np.allclose(stored, fill_missing(np.tile(plain_joints() / [WIDTH, HEIGHT, 1], (12, 1, 1)), present))
    assert np.allclose(clip[[3, 4]], stored[[3, 4]])


@pytest.mark.parametrize("filter_name", ["none", "savitzky_golay", "one_euro"])
def test_batches_do_not_depend_on_workers_or_on_what_was_read_before(data, filter_name):
    cleaning = replace(INTERPOLATE, filter=filter_name)
    reference = list(training(data, 1, cleaning=cleaning).epoch(1))
    other = training(data, 3, cleaning=cleaning)
    list(other.epoch(0))
    for one, two in zip(reference, other.epoch(1), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_cleaning_does_nothing_without_skeletons(data):
    loader = evaluation(replace(data.query, skeletons=None), cleaning=INTERPOLATE)
    assert all((batch.joints == 0).all() for batch in loader) and loader.counts["interpolated_joints"] == 0


@pytest.mark.parametrize("storage", [Storage(), Storage(size=(24, 36), encoding="raw")], ids=["as is", "resized"])
def test_joints_from_a_pack_are_those_of_the_folder(data, tmp_path, storage):
    """The skeletons of a pack are in pixels of its frames, which change their sizes."""
    again = packed(data, tmp_path / "a.pack", data.train.frames.path.parent, storage)
    cleaning = replace(INTERPOLATE, filter="savitzky_golay")
    loaders = [evaluation(source.query, cleaning=cleaning) for source in (again, data)]
    for stored, folder in zip(*loaders, strict=True):
        if storage.size is None:
            assert np.array_equal(stored.joints, folder.joints)
        assert np.allclose(stored.joints, folder.joints, atol=1e-6)

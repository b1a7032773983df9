import logging
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from support.loaders import MOVING, STILL, evaluation_loader, train_loader
from support.odd_source import OddFrames
from support.tiny_vcm import HEIGHT, WIDTH, plain_joints, write_skeletons, write_tiny_vcm

from star.data.decode import load_frame
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.index import read_names
from star.data.sampler import epoch_plan
from star.errors import DataError
from star.types import Share, Split

SHAPE: dict[str, Any] = {"frames": 4, "height": HEIGHT, "width": WIDTH}


def _train(data, **changes: Any):
    return train_loader(data.train, **(SHAPE | changes))


def _evaluation(split, **changes: Any):
    return evaluation_loader(split, **(SHAPE | changes))


def _same(first, second):
    first, second = list(first), list(second)
    return len(first) == len(second) and all(
        np.array_equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True)
    )


def test_batches_have_the_promised_shapes_and_pairs(whole):
    loader = _train(whole)
    batches = list(loader.epoch(0))
    assert len(batches) == len(loader) == loader.batches_per_epoch == 2
    for batch, plan in zip(batches, epoch_plan(whole.train, identities=2, tracklets=2, seed=0, epoch=0), strict=True):
        assert batch.visible.shape == batch.infrared.shape == (4, 4, HEIGHT, WIDTH, 3)
        assert batch.visible.dtype == np.uint8 and batch.visible_joints.dtype == np.float32
        assert batch.visible_joints.shape == batch.infrared_joints.shape == (4, 4, 17, 3)
        assert batch.identities.dtype == np.int32 and np.array_equal(batch.identities, plan.labels)
    assert loader.counts["frames"] == 2 * 2 * 4 * 4


def test_clips_hold_the_pixels_and_joints_of_their_tracklet(whole):
    loader = _train(whole, **STILL)
    plan = epoch_plan(whole.train, identities=2, tracklets=2, seed=0, epoch=0)
    expected = plain_joints() / np.array([WIDTH, HEIGHT, 1], np.float32)
    for batch, planned in zip(loader.epoch(0), plan, strict=True):
        for half, positions in ((batch.visible, planned.visible), (batch.infrared, planned.infrared)):
            for clip, position in zip(half, positions, strict=True):
                stored = [load_frame(whole.train.frames, k) for k in whole.train.tracklets[position].frames]
                rows = [next(i for i, f in enumerate(stored) if np.array_equal(f, frame)) for frame in clip]
                assert [row // 5 for row in rows] == [0, 1, 2, 3]
        assert np.allclose(batch.visible_joints, expected) and np.allclose(batch.infrared_joints, expected)


@pytest.mark.parametrize("workers", [1, 3, 7])
def test_batches_do_not_depend_on_workers_or_on_where_an_epoch_is_entered(whole, workers):
    reference = list(_train(whole, batches=5).epoch(3))
    assert _same(_train(whole, batches=5, workers=workers).epoch(3), reference)
    assert _same(_train(whole, batches=5, workers=workers).epoch(3, start_batch=2), reference[2:])


def test_seed_and_epoch_change_the_batches(whole):
    reference = list(_train(whole).epoch(0))
    assert not _same(_train(whole).epoch(1), reference)
    assert not _same(_train(whole, seed=1).epoch(0), reference)


def test_augmentation_is_one_a_clip_and_differs_between_clips(whole):
    batch = next(iter(_train(whole, **MOVING).epoch(0)))
    shifts = batch.visible_joints[..., :2].mean(axis=2)
    assert np.allclose(shifts, shifts[:, :1], atol=1e-6)
    assert len(np.unique(shifts[:, 0].round(4), axis=0)) > 1


def test_evaluation_keeps_order_pads_the_last_batch_and_repeats_exactly(whole):
    loader = _evaluation(whole.query, batch=4)
    batches = list(loader)
    assert [batch.count for batch in batches] == [4, 2] and len(loader) == 2
    assert all(np.array_equal(batches[1].frames[row], batches[1].frames[1]) for row in (2, 3))
    assert np.array_equal(batches[1].joints[3], batches[1].joints[1])
    assert _same(loader, batches) and _same(_evaluation(whole.query, workers=1), batches)
    for row, tracklet in enumerate(whole.query.tracklets[:4]):
        expected = [load_frame(whole.query.frames, tracklet.frames[i]) for i in (0, 5, 10, 15)]
        assert np.array_equal(batches[0].frames[row], expected)
    assert np.allclose(batches[0].joints, plain_joints() / np.array([WIDTH, HEIGHT, 1], np.float32))


def test_evaluation_is_of_one_modality(whole):
    with pytest.raises(DataError, match="mixes modalities"):
        _evaluation(whole.train)


def test_too_many_identities_are_refused_at_once(whole):
    with pytest.raises(DataError, match="batch larger than the identities"):
        _train(whole, identities=5)


def test_no_store_gives_zero_joints_and_no_complaint(tiny, caplog):
    for file in tiny.root.glob("*.h5"):
        file.unlink()
    loader = _train(read_hitsz_vcm(tiny.root))
    assert all((b.visible_joints == 0).all() and (b.infrared_joints == 0).all() for b in loader.epoch(0))
    assert loader.counts["frames_without_skeleton"] == 0 and not caplog.records


def test_missing_low_and_broken_joints_are_filled_counted_and_logged(tiny, caplog):
    listed = read_names(tiny.index / "test_name.txt")
    joints = plain_joints()
    joints[3] = np.nan
    joints[4, 2] = 0.1
    joints[5, 0] = 1e30
    write_skeletons(tiny.root / "dataset-test.h5", listed.names, listed.keys[::2], joints=joints)
    data = read_hitsz_vcm(tiny.root)
    loader = _evaluation(data.query, frames=12, min_confidence=0.2)
    with caplog.at_level(logging.WARNING):
        batches = list(loader)
    assert loader.counts | {"frames": 0} == {
        "frames": 0,
        "frames_without_skeleton": 36,
        "nan_joints": 36,
        "far_joints": 36,
        "low_joints": 36,
        "interpolated_joints": 0,
        "bad_frames": 0,
        "bad_files": 0,
    }
    clip = batches[0].joints[0]
    assert np.allclose(clip[:, 0, 2], [0.9, 0] * 6) and np.allclose(clip[:, 0, 0], 1 / WIDTH)
    assert (clip[:, 3:6] == 0).all()
    assert "reading query: 36 frames without skeleton" in caplog.text
    caplog.clear()
    list(loader)
    assert not caplog.records


def _break(folder, key):
    path = folder / f"{key}.jpg"
    path.write_bytes(path.read_bytes()[:-20])
    return path


def test_a_bad_frame_stops_with_its_path(tiny):
    data = read_hitsz_vcm(tiny.root)
    path = _break(data.query.frames.path, data.query.tracklets[4].frames[3])
    with pytest.raises(DataError, match=f"{path} is truncated.*on_bad_frame=skip"):
        list(_evaluation(data.query))


def test_a_bad_training_frame_stops_with_its_path(tiny):
    data = read_hitsz_vcm(tiny.root)
    for key in data.train.tracklets[0].frames:
        (data.train.frames.path / f"{key}.jpg").unlink()
    with pytest.raises(DataError, match=r"0001.ir.D2.\d+\.jpg is missing"):
        list(_train(data, batches=8).epoch(0))


def test_skipping_lets_the_nearest_good_frame_stand_in(tiny, caplog):
    data = read_hitsz_vcm(tiny.root)
    tracklet = data.query.tracklets[1]
    whole_clip = list(_evaluation(data.query))[0].frames[1]
    bad = [_break(data.query.frames.path, tracklet.frames[i]) for i in (0, 6)]
    loader = _evaluation(data.query, on_bad_frame="skip")
    with caplog.at_level(logging.WARNING):
        clips = [next(iter(loader)).frames[1], next(iter(loader)).frames[1]]
    expected = whole_clip[[1, 1, 1, 3]]
    assert np.array_equal(clips[0], expected) and np.array_equal(clips[1], expected)
    assert all(sum(str(path) in r.getMessage() for r in caplog.records) == 1 for path in bad)
    assert loader.counts["bad_files"] == 2 and loader.counts["bad_frames"] == 4


def test_skipping_needs_one_good_frame(tiny):
    data = read_hitsz_vcm(tiny.root)
    for key in data.query.tracklets[2].frames:
        (data.query.frames.path / f"{key}.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"no frame of a clip can be decoded: .*jpg is empty"):
        list(_evaluation(data.query, on_bad_frame="skip"))


@pytest.mark.parametrize("workers", [1, 2])
def test_leaving_early_leaves_a_loader_that_can_be_used(whole, workers):
    loader = _train(whole, batches=50, workers=workers)
    expected = [next(loader.epoch(1)) for _ in range(2)]
    for _ in range(3):
        batches = loader.epoch(0)
        next(batches)
        batches.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("star-loader")]
    assert _same([next(loader.epoch(1))], expected[:1])
    evaluation = _evaluation(whole.query, batch=1, workers=workers)
    expected = list(_evaluation(whole.query, batch=1))
    for _ in evaluation:
        break
    assert _same(evaluation, expected)


@pytest.mark.parametrize("workers", [1, 2])
def test_loaders_take_turns(whole, workers):
    """Two epochs, a test split and the same test split again, one batch of each in turn."""

    def turns(workers):
        loaders = [_train(whole, batches=6, workers=workers), *(_evaluation(whole.query, batch=1) for _ in range(2))]
        iterators = [loaders[0].epoch(0), loaders[0].epoch(1), *map(iter, loaders[1:])]
        return [batch for together in zip(*iterators, strict=True) for batch in together]

    assert _same(turns(workers), turns(1))


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_that_are_kept_stay_as_they_were(whole, workers):
    loader = _train(whole, batches=30, workers=workers)
    copies = [batch.visible.copy() for batch in loader.epoch(0)]
    kept = [batch.visible[:, 1:] for batch in loader.epoch(0)]
    assert all(np.array_equal(a[:, 1:], b) for a, b in zip(copies, kept, strict=True))


def test_the_first_of_several_errors_is_raised(tmp_path):
    """Tracklets 1 and 3 are the first ones of two workers' parts of the batch of 6."""
    data = read_hitsz_vcm(write_tiny_vcm(tmp_path / "vcm").root)
    for tracklet in (1, 3):
        (data.query.frames.path / f"{data.query.tracklets[tracklet].frames[0]}.jpg").unlink()
    said = []
    for workers in (1, 2, 3):
        with pytest.raises(DataError) as caught:
            list(_evaluation(data.query, workers=workers, batch=6))
        said.append(str(caught.value))
    assert data.query.tracklets[1].frames[0] in said[0] and said == [said[0]] * 3


def test_any_other_error_arrives_as_it_was(whole):
    split = Split("odd", OddFrames(), whole.query.tracklets)
    with pytest.raises(ZeroDivisionError, match="cannot"):
        list(_evaluation(split))


def test_epochs_need_no_more_descriptors(whole):
    loader, evaluation = _train(whole, batches=3), _evaluation(whole.query)

    def epochs(numbers):
        for epoch in numbers:
            assert list(loader.epoch(epoch)) and list(evaluation) and list(_evaluation(whole.gallery))
        return len(os.listdir("/proc/self/fd"))

    assert epochs(range(2)) == epochs(range(2, 8))


SCRIPT = """
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.loader import EvaluationLoader
from star.types import ClipShape
loader = EvaluationLoader(read_hitsz_vcm({root!r}).query, ClipShape(4, 48, 24), batch=2, workers=2)
for batch in loader:
    print("read", flush=True)
    input()
"""


def test_a_script_that_is_interrupted_ends_at_once(tmp_path, pattern):
    """Without a main guard, in the middle of an epoch, by Ctrl-C."""
    (tmp_path / "script.py").write_text(SCRIPT.format(root=str(pattern.root)))
    command = [sys.executable, str(tmp_path / "script.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as process:
        assert process.stdout and process.stdout.readline() == "read\n"
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert errors.count("Traceback") == 1 and errors.endswith("KeyboardInterrupt\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_shares_of_a_batch_are_its_rows(whole, workers):
    batches = list(_train(whole).epoch(1))
    shares = [list(_train(whole, share=Share(rank, 2), workers=workers).epoch(1)) for rank in range(2)]
    for batch, *parts in zip(batches, *shares, strict=True):
        for field, *fields in zip(batch, *parts, strict=True):
            np.testing.assert_array_equal(np.concatenate(fields), field)
        assert not set(parts[0].identities) & set(parts[1].identities)


@pytest.mark.parametrize(("size", "batch"), [(2, 4), (2, 1), (3, 4), (5, 2)])
def test_shares_of_a_split_are_its_batches(whole, size, batch):
    split = whole.query
    all_batches = list(_evaluation(split, batch=batch))
    loaders = [_evaluation(split, batch=batch, share=Share(rank, size)) for rank in range(size)]
    assert _same([b for loader in loaders for b in loader], all_batches)
    assert all(sum(b.count for b in loader) <= loader.rows_each for loader in loaders)
    assert loaders[0].clips == len(split.tracklets) <= size * loaders[0].rows_each

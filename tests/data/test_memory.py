"""Batches that somebody keeps are never written to again."""

from typing import Any

import numpy as np
import pytest

from star.data.loader import EvaluationLoader, TrainLoader
from star.data.memory import BatchMemory, keep_freed_memory
from star.data.shared_memory import SharedMemory

SHAPE = (2, 3, 8, 4)


@pytest.fixture(params=["private", "shared"])
def memory(request):
    return BatchMemory(SharedMemory().allocate if request.param == "shared" else None)


def _take(memory, value):
    pixels = memory.empty_clips(SHAPE).frames
    pixels[:] = value
    return pixels


def test_memory_nobody_refers_to_is_used_again(memory):
    first = _take(memory, 1)
    place = first.ctypes.data
    del first
    assert _take(memory, 2).ctypes.data == place


@pytest.mark.parametrize(
    "keep",
    [
        lambda pixels: pixels,
        lambda pixels: pixels[0],
        lambda pixels: pixels[1:, 0][0],
        lambda pixels: pixels.reshape(-1, 4, 3).transpose(1, 0, 2),
        memoryview,
        lambda pixels: np.asarray(memoryview(pixels))[0],
        lambda pixels: iter(pixels),
        lambda pixels: {"batch": (pixels.view(np.int8), None)},
    ],
    ids=["itself", "row", "view of a view", "reshaped", "memoryview", "array of it", "iterator", "other type"],
)
def test_memory_somebody_refers_to_is_not(memory, keep):
    pixels = _take(memory, 1)
    place = pixels.ctypes.data
    kept = keep(pixels)
    del pixels
    assert all(_take(memory, value).ctypes.data != place for value in (2, 3))
    del kept
    assert place in [array.ctypes.data for array in [_take(memory, 4), _take(memory, 5)]]


def test_memory_of_a_tensor_is_not(memory):
    from mindspore import Tensor

    tensors = [Tensor.from_numpy(_take(memory, value)) for value in range(3)]
    assert [int(tensor.asnumpy().max()) for tensor in tensors] == [0, 1, 2]


def test_no_more_is_kept_than_allowed():
    memory = BatchMemory(most=2)
    taken = [_take(memory, value) for value in range(5)]
    assert [int(pixels[0, 0, 0, 0, 0]) for pixels in taken] == list(range(5))
    assert len(memory._kept) == 2


def test_joints_keep_the_memory_too(memory):
    joints = memory.empty_clips(SHAPE).joints
    joints[:] = 7
    assert joints.shape == (2, 3, 17, 3) and joints.dtype == np.float32 and joints.flags.c_contiguous
    for value in range(3):
        memory.empty_clips(SHAPE).frames[:] = value
        memory.empty_clips(SHAPE).joints[:] = value
    assert (joints == 7).all()


def test_another_shape_gets_another_array(memory):
    _take(memory, 1)
    assert memory.empty_clips((1, 3, 8, 4)).frames.shape == (1, 3, 8, 4, 3)


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_that_are_kept_stay_as_they_were(whole, workers):
    options: dict[str, Any] = {"frames": 4, "height": 48, "width": 24, "workers": workers}
    augmentation: dict[str, Any] = {"pad": 4, "flip": 0.5, "erase": 0, "erase_area": (0.1, 0.4), "erase_aspect": (1, 2)}
    loader = TrainLoader(whole.train, **options, **augmentation, identities=2, tracklets=1, seed=0, batches=30)
    copies = [batch.visible.copy() for batch in loader.epoch(0)]
    kept = [batch.visible[:, 1:] for batch in loader.epoch(0)]
    assert all(np.array_equal(a[:, 1:], b) for a, b in zip(copies, kept, strict=True))
    evaluation = EvaluationLoader(whole.query, **options, batch=1)
    copies, kept = [batch.frames.copy() for batch in evaluation], [batch.frames[0] for batch in evaluation]
    assert all(np.array_equal(a[0], b) for a, b in zip(copies, kept, strict=True))


def test_a_library_without_the_call_is_left_alone(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    keep_freed_memory()

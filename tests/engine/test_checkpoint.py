from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from star.engine.checkpoint import load_checkpoint, save_checkpoint
from star.errors import CheckpointError

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "step": np.array(7, np.int32)}


def test_what_is_saved_comes_back(tmp_path: Path):
    save_checkpoint(tmp_path, "last", TENSORS, {"step": 7, "scores": {"x": 0.1}})
    tensors, state = load_checkpoint(tmp_path, "last")
    assert state == {"step": 7, "scores": {"x": 0.1}}
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], tensor)
        assert (tensors[name].dtype, tensors[name].shape) == (tensor.dtype, tensor.shape)


def test_only_the_newest_tensors_are_kept(tmp_path: Path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, "last", TENSORS, {"step": step})
    save_checkpoint(tmp_path, "best", TENSORS, {"step": 2})
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("best-00000002.safetensors", "best.json", "last-00000003.safetensors", "last.json")
    ]


def test_a_kill_before_the_last_replacement_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save_checkpoint(tmp_path, "last", TENSORS, {"step": 1})
    replace, calls = os.replace, []

    def dies_at_the_second(source: str, target: str) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, "last", {"a": TENSORS["a"] + 1}, {"step": 2})
    tensors, state = load_checkpoint(tmp_path, "last")
    assert state["step"] == 1
    np.testing.assert_array_equal(tensors["a"], TENSORS["a"])
    assert not list(tmp_path.glob("*.part"))


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save_checkpoint(tmp_path, "last", TENSORS, {"step": 1})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        save_checkpoint(tmp_path, "last", TENSORS, {"step": 2})
    assert load_checkpoint(tmp_path, "last")[1]["step"] == 1


@pytest.mark.parametrize("cut", [0, 1, 50, -1])
def test_cut_tensors_are_detected(tmp_path: Path, cut: int):
    save_checkpoint(tmp_path, "last", TENSORS, {"step": 1})
    path = tmp_path / "last-00000001.safetensors"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(tmp_path, "last")


def test_no_checkpoint_is_an_error_that_names_the_file(tmp_path: Path):
    with pytest.raises(CheckpointError, match="last.json"):
        load_checkpoint(tmp_path, "last")

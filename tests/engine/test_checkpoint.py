from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from star.engine.checkpoint import load_checkpoint, load_newest, save_checkpoint
from star.errors import CheckpointError

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "step": np.array(7, np.int32)}


def test_what_is_saved_comes_back(tmp_path: Path):
    save_checkpoint(tmp_path, "last", TENSORS, {"step": 7, "scores": {"x": 0.1}})
    tensors, state = load_checkpoint(tmp_path, "last")
    assert state == {"step": 7, "scores": {"x": 0.1}}
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(tensors[name], tensor)
        assert (tensors[name].dtype, tensors[name].shape) == (tensor.dtype, tensor.shape)


def test_the_newest_and_the_one_before_are_kept(tmp_path: Path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, "last", TENSORS, {"step": step})
        (tmp_path / f"left-by-a-kill-{step}.part").touch()
        save_checkpoint(tmp_path, "best", TENSORS, {"step": step})
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        *("best-00000003.safetensors", "best.json"),
        *("last-00000002.safetensors", "last-00000003.safetensors", "last.json", "previous.json"),
    ]
    assert load_checkpoint(tmp_path, "previous")[1] == {"step": 2}


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


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A folder with the checkpoints of steps 1 and 2."""
    for step in (1, 2):
        save_checkpoint(tmp_path, "last", {"a": TENSORS["a"] + step}, {"step": step, "scores": {"x": 0.1 * step}})
    return tmp_path


def is_the_first(found: tuple[dict[str, np.ndarray], dict] | None) -> bool:
    return found is not None and found[1]["step"] == 1 and np.array_equal(found[0]["a"], TENSORS["a"] + 1)


@pytest.mark.parametrize("name", ["last.json", "last-00000002.safetensors"])
def test_a_cut_at_any_byte_leads_to_the_checkpoint_before(two: Path, name: str, caplog: pytest.LogCaptureFixture):
    record, whole = (two / "last.json").read_bytes(), (two / name).read_bytes()
    for length in range(len(whole)):
        (two / "last.json").write_bytes(record)
        (two / name).write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"last\.json.*damaged"):
            load_checkpoint(two, "last")
        assert is_the_first(load_newest(two))
    assert f"going on from the checkpoint before it, {two / 'previous.json'}" in caplog.text


@pytest.mark.parametrize("name", ["last.json", "last-00000002.safetensors"])
def test_any_flipped_byte_leads_to_the_checkpoint_before(two: Path, name: str):
    record, whole = (two / "last.json").read_bytes(), (two / name).read_bytes()
    draw = np.random.default_rng(0)
    for place in range(len(whole)):
        (two / "last.json").write_bytes(record)
        flipped = bytearray(whole)
        flipped[place] ^= int(draw.integers(1, 256))
        (two / name).write_bytes(flipped)
        assert is_the_first(load_newest(two)), place


def test_a_lost_file_leads_to_the_checkpoint_before(two: Path):
    (two / "last-00000002.safetensors").unlink()
    assert is_the_first(load_newest(two))
    (two / "last.json").unlink()
    assert is_the_first(load_newest(two))


def test_a_damaged_checkpoint_never_becomes_the_one_before(two: Path):
    (two / "last-00000002.safetensors").write_bytes(b"")
    assert is_the_first(load_newest(two))
    save_checkpoint(two, "last", TENSORS, {"step": 3})
    (two / "last-00000003.safetensors").write_bytes(b"")
    assert is_the_first(load_newest(two))


def test_two_damaged_checkpoints_are_both_named(two: Path):
    for name in ("last-00000002.safetensors", "previous.json"):
        (two / name).write_bytes((two / name).read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"last\.json.*damaged.*previous\.json.*damaged"):
        load_newest(two)


def test_the_same_step_again_keeps_the_one_before(two: Path):
    save_checkpoint(two, "last", TENSORS, {"step": 2, "epoch": 1})
    assert load_checkpoint(two, "last")[1] == {"step": 2, "epoch": 1}
    assert is_the_first(load_checkpoint(two, "previous"))


def test_records_from_before_they_had_a_checksum_are_read(two: Path):
    record = {key: value for key, value in json.loads((two / "last.json").read_text()).items() if "record" not in key}
    old = {"epoch": 1, "best_mean": 0.1, "best_on_test": {}, "seconds": 1.0}
    (two / "last.json").write_text(json.dumps(record | old))
    assert load_checkpoint(two, "last")[1]["step"] == 2
    (two / "last.json").write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(two, "last")


def test_no_checkpoint_is_an_error_that_names_the_file(tmp_path: Path):
    with pytest.raises(CheckpointError, match="last.json"):
        load_checkpoint(tmp_path, "last")
    assert load_newest(tmp_path) is None

"""Received attention in numbers, and views of clips whose network lacks parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from star.errors import EvaluationError
from star.evaluation.attention_pictures import (
    ClipAttention,
    draw_view,
    equal_share,
    received_by_frames,
    received_by_joints,
)

T, N = 2, 34
NOTHING = ClipAttention((), None, None, None, (), None)


def chain() -> np.ndarray:
    """Every node, itself and the next one."""
    return np.eye(N, dtype=bool) | np.eye(N, k=1, dtype=bool)


def view(path: Path, attention: ClipAttention, seen: float = 1.0) -> np.ndarray:
    frames = np.full((T, 32, 16, 3), 90, np.uint8)
    joints = np.random.default_rng(0).uniform(0.2, 0.8, (T, 17, 3)).astype(np.float32)
    joints[..., 2] = seen
    draw_view(attention, frames, joints, path, title="a clip", labels=["frame 1", "frame 2"])
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture


def everything(layer: np.ndarray) -> ClipAttention:
    alike = np.full((4, T, T), 1 / T)
    return ClipAttention((layer,), chain(), alike, alike, (1.0, 3.0), np.full((2, 8), 0.5))


def test_attention_received_by_joints_and_frames():
    attention = np.zeros((2, N, N))
    attention[:, np.arange(N), np.arange(N)] = 1
    attention[1, 4, 4], attention[1, 4, 20] = 0.25, 0.75
    received = received_by_joints(attention)
    assert received.shape == (T, 17) and received.mean() == pytest.approx(1)
    assert received[0, 4] == pytest.approx(1 - 0.375) and received[1, 3] == pytest.approx(1 + 0.375)
    shares = received_by_frames(np.array([[[1.0, 0.0], [0.5, 0.5]], [[1.0, 0.0], [1.0, 0.0]]]))
    np.testing.assert_allclose(shares, [0.875, 0.125])


def test_equal_share_counts_the_neighbours():
    share = equal_share(chain()).reshape(-1)
    np.testing.assert_allclose(share[:3], [0.5, 1, 1])
    assert share[-1] == pytest.approx(1.5) and share.mean() == pytest.approx(1)


def test_attention_changes_the_picture(tmp_path: Path):
    equal = chain() / chain().sum(1, keepdims=True)
    plain = view(tmp_path / "plain.png", everything(equal[None]))
    uneven = equal.copy()
    uneven[:-1] = np.where(np.eye(N, dtype=bool), 0.9, 0)[:-1] + np.where(np.eye(N, k=1, dtype=bool), 0.1, 0)[:-1]
    changed = view(tmp_path / "changed.png", everything(uneven[None]))
    assert changed.shape == plain.shape and (changed != plain).any()


@pytest.mark.parametrize("part", ["joints", "frames", "pooling"])
def test_only_what_exists_is_drawn(tmp_path: Path, part: str):
    whole = everything(chain()[None] / chain().sum(1, keepdims=True))
    kept: dict[str, Any] = {
        "joints": {"joints": whole.joints, "graph": whole.graph},
        "frames": {"frames_ask_bones": whole.frames_ask_bones},
        "pooling": {"powers": whole.powers, "mixture": whole.mixture},
    }[part]
    picture = view(tmp_path / "new" / "part.png", NOTHING._replace(**kept))
    assert (picture < 250).any() and picture.size <= view(tmp_path / "whole.png", whole).size


def test_missing_joints_are_not_drawn(tmp_path: Path):
    whole = everything(chain()[None] / chain().sum(1, keepdims=True))
    assert (view(tmp_path / "seen.png", whole) != view(tmp_path / "missing.png", whole, seen=0.0)).any()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="file/view.png cannot be written"):
        view(tmp_path / "file" / "view.png", everything(chain()[None] / chain().sum(1, keepdims=True)))

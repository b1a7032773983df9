"""A picture of a data set: several people, each as a visible and an infrared strip of frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from star.data.decode import load_frame
from star.data.draw import draw_skeleton
from star.data.frame_sampling import clip_positions
from star.data.transforms import PLAIN, augment_frame
from star.errors import DataError
from star.types import MODALITIES, Modality, Split, Tracklet, VideoReIDData

_HEIGHT, _WIDTH = 192, 96
_LABEL = 22
_GAP = 6
_PAPER, _INK = 255, (30, 30, 30)


def contact_sheet(
    data: VideoReIDData, path: Path | str, *, rows: int = 8, frames: int = 6, skeletons: bool = True, seed: int = 0
) -> Path:
    """Write a PNG with one person a row, half of them from train, half from test.

    Frames are spread over the tracklet as in a clip at test and stretched to 192 x 96. A frame that cannot be decoded
    is a grey field with a cross.

    Args:
        data: the data set.
        path: of the PNG; its folder is made if needed.
        rows: people, as far as there are so many.
        frames: a strip.
        skeletons: draw them where the data set has them.
        seed: of the choice of people and tracklets.

    Raises:
        DataError: the picture cannot be written.
    """
    rng = np.random.default_rng(seed)
    test: list[tuple[Split, Tracklet]] = [(s, t) for s in data.test_splits for t in s.tracklets]
    train: list[tuple[Split, Tracklet]] = [(data.train, t) for t in data.train.tracklets]
    people = _choose(train, rows - rows // 2, rng) + _choose(test, rows // 2, rng)
    lines = []
    for person in people:
        strips = [
            _strip(*person[m], frames, skeletons) if m in person else _blank_strip(frames, f"no {m} tracklet")
            for m in MODALITIES
        ]
        gap = np.full((strips[0].shape[0], _GAP, 3), _PAPER, np.uint8)
        lines.append(np.concatenate([strips[0], gap, strips[1]], axis=1))
    sheet = np.concatenate(lines)
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())
    except OSError as error:
        raise DataError(f"contact sheet {path} cannot be written: {error.strerror}") from error
    return path


def _choose(
    tracklets: list[tuple[Split, Tracklet]], count: int, rng: np.random.Generator
) -> list[dict[Modality, tuple[Split, Tracklet]]]:
    """Some identities in ascending order, for each one tracklet of each modality it has."""
    by_identity: dict[int, dict[Modality, list[tuple[Split, Tracklet]]]] = {}
    for split, tracklet in tracklets:
        by_identity.setdefault(tracklet.identity, {}).setdefault(tracklet.modality, []).append((split, tracklet))
    chosen = sorted(rng.permutation(sorted(by_identity))[:count].tolist())
    return [{m: pool[rng.integers(len(pool))] for m, pool in by_identity[identity].items()} for identity in chosen]


def _strip(split: Split, tracklet: Tracklet, frames: int, skeletons: bool) -> np.ndarray:
    keys = [tracklet.frames[i] for i in clip_positions(len(tracklet.frames), frames)]
    pictures = [_picture(split, key, skeletons) for key in keys]
    name = "train" if split.name == "train" else "test"
    label = (
        f"{name} {tracklet.identity:04d}  {tracklet.modality}  camera {tracklet.camera}  {len(tracklet.frames)} frames"
    )
    return np.concatenate([_label(label, frames), np.concatenate(pictures, axis=1)])


def _blank_strip(frames: int, label: str) -> np.ndarray:
    return np.concatenate([_label(label, frames), np.full((_HEIGHT, frames * _WIDTH, 3), _PAPER, np.uint8)])


def _label(text: str, frames: int) -> np.ndarray:
    bar = np.full((_LABEL, frames * _WIDTH, 3), _PAPER, np.uint8)
    cv2.putText(bar, text, (4, _LABEL - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
    return bar


def _picture(split: Split, key: str, skeletons: bool) -> np.ndarray:
    out = np.full((_HEIGHT, _WIDTH, 3), 128, np.uint8)
    try:
        frame = load_frame(split.frames, key)
    except DataError:
        cv2.line(out, (0, 0), (_WIDTH - 1, _HEIGHT - 1), _INK, 2)
        cv2.line(out, (0, _HEIGHT - 1), (_WIDTH - 1, 0), _INK, 2)
        return out
    augment_frame(frame, PLAIN, out)
    joints = split.skeletons.read(key) if skeletons and split.skeletons else None
    if joints is None:
        return out
    scale = np.array([_WIDTH / frame.shape[1], _HEIGHT / frame.shape[0], 1], np.float32)
    return draw_skeleton(out, joints * scale)

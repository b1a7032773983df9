"""Pictures of a data set, as stored and as trained on: people as a visible and an infrared strip of frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from star.data.decode import load_frame
from star.data.frame_sampling import clip_positions
from star.data.skeleton_picture import draw_skeleton
from star.data.transforms import PLAIN, augment_frame
from star.errors import DataError
from star.types import MODALITIES, AnyBatch, MixedBatch, Modality, Split, Tracklet, VideoReIDData
from star.words import counted

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
    return save_sheet(np.concatenate(lines), path)


def augmented_sheet(batch: AnyBatch, identities: Sequence[int], path: Path | str, *, rows: int = 8) -> Path:
    """Write a PNG of what training gets: a pair of clips a row, all their frames, scaled to a height of 192.

    A batch that is blind to the modality has one clip a row. Anaglyphs follow their frames, without joints.

    Args:
        batch: of the training loader; joints of confidence 0 are not drawn.
        identities: number on disk of each class label.
        path: of the PNG; its folder is made if needed.
        rows: of the picture, as far as the batch has so many.

    Raises:
        DataError: the picture cannot be written.
    """
    lines = []
    for row, label in enumerate(batch.identities[:rows]):
        strips: list[np.ndarray] = []
        for modality, frames, joints in _clips_of_row(batch, row):
            without = np.zeros((len(frames) - len(joints), *joints.shape[1:]), joints.dtype)
            pairs = zip(frames, np.concatenate([joints, without]), strict=True)
            strip = np.concatenate([_scaled(*pair) for pair in pairs], axis=1)
            named = np.concatenate([_label(f"{identities[label]:04d}  {modality}", strip.shape[1]), strip])
            gap = np.full((named.shape[0], _GAP, 3), _PAPER, np.uint8)
            strips += [gap, named] if strips else [named]
        lines.append(np.concatenate(strips, axis=1))
    return save_sheet(np.concatenate(lines), path)


def _clips_of_row(batch: AnyBatch, row: int) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Modality, frames and joints of the clips of a row."""
    if isinstance(batch, MixedBatch):
        return [(MODALITIES[batch.modality[row]], batch.clips[row], batch.joints[row])]
    halves = {"visible": (batch.visible, batch.visible_joints), "infrared": (batch.infrared, batch.infrared_joints)}
    return [(modality, frames[row], joints[row]) for modality, (frames, joints) in halves.items()]


def save_sheet(sheet: np.ndarray, path: Path | str) -> Path:
    """Write [h w 3] uint8, RGB, as PNG.

    Raises:
        DataError: the picture cannot be written.
    """
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
    length = counted(len(tracklet.frames), "frame")
    label = f"{name} {tracklet.identity:04d}  {tracklet.modality}  camera {tracklet.camera}  {length}"
    return np.concatenate([_label(label, frames * _WIDTH), np.concatenate(pictures, axis=1)])


def _blank_strip(frames: int, label: str) -> np.ndarray:
    return np.concatenate([_label(label, frames * _WIDTH), np.full((_HEIGHT, frames * _WIDTH, 3), _PAPER, np.uint8)])


def _label(text: str, width: int) -> np.ndarray:
    bar = np.full((_LABEL, width, 3), _PAPER, np.uint8)
    cv2.putText(bar, text, (4, _LABEL - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
    return bar


def _scaled(frame: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """A frame of a batch with its skeleton, as high as the other pictures."""
    width = max(1, round(frame.shape[1] * _HEIGHT / frame.shape[0]))
    size = np.array([width, _HEIGHT, 1], np.float32)
    return draw_skeleton(cv2.resize(frame, (width, _HEIGHT), interpolation=cv2.INTER_AREA), joints * size)


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

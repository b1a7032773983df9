"""A picture to look at skeletons by: random frames of both modalities with what was found drawn on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from star.data.decode import load_frame
from star.data.skeleton_picture import draw_skeleton
from star.data.skeleton_stores import Hdf5Skeletons
from star.errors import DataError
from star.pose.frame_list import FrameList
from star.pose.quality import modality_of
from star.types import MODALITIES, Modality

PICTURE_FILE = "skeletons.png"
_HEIGHT, _WIDTH, _LABEL = 256, 144, 18
_PAPER, _INK, _LETTERS = 255, (30, 30, 30), 0.38


def draw_random_skeletons(
    frames: Mapping[str, FrameList], files: Mapping[str, Path], path: Path, *, columns: int = 10, seed: int = 0
) -> Path:
    """Write a PNG with two rows of visible and two of infrared frames, fewer if there are not so many.

    Frames keep their aspect. A frame without a skeleton is shown bare; one that cannot be decoded is not drawn.

    Args:
        frames: of each split.
        files: skeleton file of each split.
        path: of the PNG.
        columns: frames in a row.
        seed: of the choice.

    Raises:
        DataError: the picture cannot be written.
    """
    rng = np.random.default_rng(seed)
    stores = {split: Hdf5Skeletons(file) for split, file in files.items()}
    pool: dict[Modality, list[tuple[str, str]]] = {modality: [] for modality in MODALITIES}
    for split in stores:
        for key in dict.fromkeys(frames[split].keys):
            pool[modality_of(key)].append((split, key))
    rows = []
    for modality in MODALITIES:
        cells: list[np.ndarray] = []
        for number in rng.permutation(len(pool[modality])):
            split, key = pool[modality][number]
            try:
                frame = load_frame(frames[split].frames, key)
            except DataError:
                continue
            cells.append(_cell(frame, stores[split].read(key), key))
            if len(cells) == 2 * columns:
                break
        blank = np.full((_LABEL + _HEIGHT, _WIDTH, 3), _PAPER, np.uint8)
        for start in range(0, len(cells), columns):
            row = cells[start : start + columns]
            rows.append(np.concatenate(row + [blank] * (columns - len(row)), axis=1))
    try:
        path.write_bytes(cv2.imencode(".png", cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))[1].tobytes())
    except OSError as error:
        raise DataError(f"picture {path} cannot be written: {error.strerror}") from error
    return path


def _cell(frame: np.ndarray, joints: np.ndarray | None, key: str) -> np.ndarray:
    """[_LABEL + _HEIGHT _WIDTH 3]: the key above the frame, scaled to fit."""
    height, width = frame.shape[:2]
    scale = min(_HEIGHT / height, _WIDTH / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if joints is not None:
        picture = draw_skeleton(picture, joints * np.array([size[0] / width, size[1] / height, 1], np.float32))
    cell = np.full((_LABEL + _HEIGHT, _WIDTH, 3), _PAPER, np.uint8)
    left = (_WIDTH - size[0]) // 2
    cell[_LABEL : _LABEL + size[1], left : left + size[0]] = picture
    (length, _), _ = cv2.getTextSize(key, cv2.FONT_HERSHEY_SIMPLEX, _LETTERS, 1)
    letters = _LETTERS * min(1, (_WIDTH - 6) / length)
    cv2.putText(cell, key, (3, _LABEL - 5), cv2.FONT_HERSHEY_SIMPLEX, letters, _INK, 1, cv2.LINE_AA)
    return cell

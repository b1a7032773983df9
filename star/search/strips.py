"""A few frames of a tracklet side by side in one small JPEG file, and the joints found in them."""

from __future__ import annotations

import cv2
import numpy as np

from star.data.decode import load_frame
from star.data.frame_sampling import clip_positions
from star.data.skeleton_picture import draw_skeleton
from star.errors import DataError
from star.types import NUMBER_OF_JOINTS, Split, Tracklet

HEIGHT, WIDTH = 128, 64
_MISSING = 128
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 80]


def draw_strip(split: Split, tracklet: Tracklet, frames: int) -> tuple[bytes, np.ndarray]:
    """Frames spread over a tracklet as in a clip at test, each fitted to 128 x 64; those that cannot be read are grey.

    Args:
        split: of the tracklet.
        tracklet: as it is embedded.
        frames: s of the strip; 0 draws none.

    Returns:
        The JPEG file and [s 17 3] float16 joints, x and y in 0..1 of their frame, zeros where there is no skeleton;
        [0 17 3] for a split without skeletons.
    """
    keys = [tracklet.frames[position] for position in clip_positions(len(tracklet.frames), frames)] if frames else []
    joints = np.zeros((len(keys) if split.skeletons else 0, NUMBER_OF_JOINTS, 3), np.float16)
    pictures = []
    for row, key in enumerate(keys):
        try:
            frame = load_frame(split.frames, key)
        except DataError:
            pictures.append(np.full((HEIGHT, WIDTH, 3), _MISSING, np.uint8))
            continue
        height, width = frame.shape[:2]
        smaller = height > HEIGHT or width > WIDTH
        pictures.append(
            cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
        )
        found = split.skeletons.read(key) if split.skeletons else None
        if found is not None:
            joints[row] = np.nan_to_num(found / np.array([width, height, 1], np.float32))
    return _encode(np.concatenate(pictures, axis=1)) if pictures else b"", joints


def with_skeletons(strip: bytes, joints: np.ndarray) -> bytes:
    """A strip with the joints [s 17 3] drawn on its frames, from red (unsure) to green (sure)."""
    picture = cv2.imdecode(np.frombuffer(strip, np.uint8), cv2.IMREAD_COLOR_RGB)
    frames = np.split(picture, len(joints), axis=1)
    height, width = frames[0].shape[:2]
    scale = np.array([width, height, 1], np.float32)
    drawn = [draw_skeleton(frame, own * scale) for frame, own in zip(frames, joints.astype(np.float32), strict=True)]
    return _encode(np.concatenate(drawn, axis=1))


def _encode(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), _QUALITY)[1].tobytes()

"""Clips that a user gives, as arrays or files, made a split that is read like a data set's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from star.data.decode import encode_raw
from star.data.folder import has_suffix, list_files, natural_order
from star.data.frame_suffix import SUFFIXES
from star.data.frames import read_file
from star.errors import DataError
from star.inference.joints import given_joints, named_estimator
from star.pose.estimated_skeletons import EstimatedSkeletons
from star.pose.estimator import Estimator
from star.types import MODALITIES, Modality, Split, Tracklet

Frame = np.ndarray | bytes | str | Path
"""Pixels [h w 3] uint8, RGB; the content of a JPEG or PNG file; the path of one."""
Clip = np.ndarray | str | Path | Sequence[Frame]
Clips = np.ndarray | Sequence[Clip]
Joints = np.ndarray | Sequence[np.ndarray] | Estimator | str


class GivenFrames:
    """Frames by their key.

    Args:
        frames: of all clips.
    """

    path = "the clips given"

    def __init__(self, frames: Mapping[str, Frame]):
        self._frames = frames

    def read(self, key: str) -> bytes:
        """The encoded frame; raises DataError, which names the file, if it cannot be read."""
        frame = self._frames[key]
        if isinstance(frame, bytes):
            return frame
        return encode_raw(frame) if isinstance(frame, np.ndarray) else read_file(frame)

    def name(self, key: str) -> str:
        """The file; without one the numbers of clip and frame."""
        frame = self._frames[key]
        clip, number = key.split("/")
        return f"{number} of clip {clip}" if isinstance(frame, (np.ndarray, bytes)) else str(frame)


def as_split(clips: Clips, modality: Modality, joints: Joints | None = None) -> Split:
    """Clips and their joints as a split with one tracklet a clip; see `Model.embed` for the forms.

    Args:
        clips: of one modality.
        modality: of all of them.
        joints: None: none.

    Raises:
        DataError: what is given is no clip, a folder has no frames, or joints do not fit.
    """
    if modality not in MODALITIES:
        raise DataError(f"modality: given {modality!r}, expected one of {', '.join(map(repr, MODALITIES))}")
    if isinstance(clips, (str, Path)):
        raise DataError(f"clips: given the one path {clips}, expected a list of clips: [{str(clips)!r}]")
    if not isinstance(clips, (np.ndarray, Sequence)):
        raise DataError(f"clips: given {type(clips).__name__}, expected an array or a list of clips")
    if isinstance(clips, np.ndarray) and clips.ndim != 5:
        raise DataError(f"clips: given {clips.dtype} {list(clips.shape)}, expected uint8 [n t h w 3], RGB")
    frames: dict[str, Frame] = {}
    tracklets = []
    for number, clip in enumerate(clips):
        listed = _frames_of(clip, number)
        keys = tuple(f"{number}/{row}" for row in range(len(listed)))
        frames.update(zip(keys, listed, strict=True))
        tracklets.append(Tracklet(identity=0, camera=0, modality=modality, frames=keys))
    if not tracklets:
        raise DataError("clips: given none, expected at least one clip")
    source = GivenFrames(frames)
    if isinstance(joints, str):
        joints = named_estimator(joints)
    if joints is None:
        store = None
    elif isinstance(joints, (np.ndarray, Sequence)):
        store = given_joints(joints, [tracklet.frames for tracklet in tracklets])
    elif hasattr(joints, "estimate"):
        store = EstimatedSkeletons(source, joints)
    else:
        raise DataError(f"joints: given {type(joints).__name__}, expected arrays, an estimator or its name")
    return Split("clips", source, tuple(tracklets), store)


def frames_in(folder: Path) -> list[Path]:
    """The frame files of a folder in time order: by the numbers in their names, so 2.jpg stands before 10.jpg.

    Raises:
        DataError: it is no folder, has none or cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder, expected one with the frames of a clip")
    names = [name for name in list_files(folder) if has_suffix(name, *SUFFIXES)]
    if not names:
        raise DataError(f"folder {folder} has no frames, expected files that end in {', '.join(SUFFIXES)}")
    return [folder / name for name in sorted(names, key=natural_order)]


def _frames_of(clip: Clip, number: int) -> list[Frame]:
    if isinstance(clip, (str, Path)):
        return list(frames_in(Path(clip).expanduser()))
    if not isinstance(clip, (np.ndarray, Sequence)):
        raise DataError(f"clip {number}: given {type(clip).__name__}, expected an array, a folder or a list of frames")
    if not len(clip):
        raise DataError(f"clip {number} has no frames, expected at least one")
    return [_checked(frame, f"clip {number}, frame {row}") for row, frame in enumerate(clip)]


def _checked(frame: Frame, where: str) -> Frame:
    if isinstance(frame, (str, Path)):
        return Path(frame).expanduser()
    if isinstance(frame, bytes):
        return frame
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        given = f"{frame.dtype} {list(frame.shape)}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise DataError(f"{where}: given {given}, expected uint8 [h w 3], RGB, or a file")
    if not frame.size:
        raise DataError(f"{where}: given {list(frame.shape)}, expected at least one pixel")
    return frame

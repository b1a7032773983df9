"""From a tracklet to the pixels and joints of one clip, written straight into a batch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from star.data.cleaning import Cleaning
from star.data.decode import load_frame
from star.data.frame_joints import FrameJoints, fill_missing, read_joints
from star.data.tracklet_joints import TrackletJoints
from star.data.transforms import PLAIN, Augmentation, augment_frame, augment_joints
from star.errors import DataError
from star.types import Split

OnBadFrame = Literal["stop", "skip"]

_COUNTED = (
    *("frames", "bad_frames", "frames_without_skeleton"),
    *("low_joints", "nan_joints", "far_joints", "interpolated_joints"),
)

_log = logging.getLogger(__name__)


class Found(NamedTuple):
    """What was read, and what was wrong with it.

    Attributes:
        counts: by the names of `Tally.counts`.
        bad: name of each file that could not be decoded, and why.
    """

    counts: Mapping[str, int]
    bad: Mapping[str, str]


class Tally:
    """Adds up what was found, and logs each bad file once; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = dict.fromkeys(_COUNTED, 0)
        self._logged: set[str] = set()

    @property
    def counts(self) -> dict[str, int]:
        """Since the start: frames, bad frames and files, what was missing in the store, and joints interpolated."""
        with self._lock:
            return self._counts | {"bad_files": len(self._logged)}

    def add(self, found: Found) -> None:
        """Count and log."""
        with self._lock:
            for name, number in found.counts.items():
                self._counts[name] += number
            new = [name for name in found.bad if name not in self._logged]
            self._logged.update(new)
        for name in new:
            _log.warning("%s: its nearest good frame stands in", found.bad[name])


class Reading(NamedTuple):
    """How frames and joints are read.

    Attributes:
        on_bad_frame: "stop" raises at the first frame that cannot be decoded; "skip" lets the nearest good frame of the
            clip stand in, with its joints.
        min_confidence: joints below it are missing (see `star.data.frame_joints`).
        cleaning: of the joints over their tracklet; None: as they are stored.
    """

    on_bad_frame: OnBadFrame = "stop"
    min_confidence: float = 0.0
    cleaning: Cleaning | None = None


READ_AS_STORED = Reading()


class Stream(NamedTuple):
    """Where the frames of a clip go.

    Attributes:
        augmentations: t, of the frames.
        out: [t h w 3] uint8, contiguous; receives the frames.
        make: makes what is augmented of the decoded frame; None: it is that frame.
    """

    augmentations: Sequence[Augmentation]
    out: np.ndarray
    make: Callable[[np.ndarray], np.ndarray] | None = None

    def write(self, row: int, frame: np.ndarray) -> None:
        """Augment a decoded frame into its place."""
        augment_frame(frame if self.make is None else self.make(frame), self.augmentations[row], self.out[row])

    def write_again(self, row: int, frame: np.ndarray) -> None:
        """The same for the frame of the row before."""
        if self.augmentations[row] == self.augmentations[row - 1]:
            self.out[row] = self.out[row - 1]
        else:
            self.write(row, frame)


class ClipReader:
    """Decodes and augments; safe to use from several threads.

    Args:
        split: where the frames and skeletons are.
        reading: how they are read.
    """

    def __init__(self, split: Split, reading: Reading):
        self._split = split
        self._cleaned = None
        if split.skeletons and reading.cleaning is not None and reading.cleaning.used:
            self._cleaned = TrackletJoints(split, reading.cleaning, reading.min_confidence)
        self._on_bad_frame = reading.on_bad_frame
        self._min_confidence = reading.min_confidence

    def read(
        self,
        tracklet: Sequence[str],
        keys: Sequence[str],
        streams: Sequence[Stream],
        joints: np.ndarray,
        *,
        move_joints: bool = True,
    ) -> Found:
        """Read one clip.

        Args:
            tracklet: keys of all frames of the clip's tracklet in time order.
            keys: t of them in time order; repeats are decoded once.
            streams: what becomes of the frames, themselves first.
            joints: [t j 3] float32; receives the joints, x and y in 0..1 of the augmented frame.
            move_joints: False leaves them where they were in the stored frame.

        Returns:
            Its counts; each use of a bad frame counts.

        Raises:
            DataError: a frame cannot be decoded and bad frames stop, or none of the clip can.
        """
        augmentations = streams[0].augmentations
        height, width = streams[0].out.shape[1:3]
        used, sizes, bad = self._read_frames(keys, streams)
        counts = {"frames": len(used), "bad_frames": len(bad)}
        if self._split.skeletons is None:
            joints[:] = 0
        else:
            clip = self._read_joints(tracklet, used, sizes)
            filled = fill_missing(clip.joints, clip.present)
            known = clip.present.any(axis=0)
            augmentations = augmentations if move_joints else [PLAIN] * len(augmentations)
            if known.all():
                joints[:] = augment_joints(filled, augmentations, height, width)
            else:
                marked = np.concatenate([filled, np.broadcast_to(known[:, None], (*clip.present.shape, 1))], axis=2)
                moved = augment_joints(marked, augmentations, height, width)
                joints[:] = np.where(moved[..., 3:] > 0, moved[..., :3], 0)
            counts.update(clip.counts)
        return Found(counts, {self._split.frames.name(keys[row]): str(error) for row, error in bad.items()})

    def _read_joints(
        self, tracklet: Sequence[str], keys: Sequence[str], sizes: Sequence[tuple[int, int]]
    ) -> FrameJoints:
        if self._cleaned is not None:
            return self._cleaned.read(tracklet, keys)
        assert self._split.skeletons is not None
        return read_joints(self._split.skeletons, keys, sizes, self._min_confidence)

    def _read_frames(
        self, keys: Sequence[str], streams: Sequence[Stream]
    ) -> tuple[list[str], list[tuple[int, int]], dict[int, DataError]]:
        """Fill the streams; gives each row's key and (height, width) of the stored frame in the end, and the bad rows.

        A frame is augmented right after its decoding, while the processor's cache has it.
        """
        used, sizes = list(keys), [(0, 0)] * len(keys)
        bad: dict[int, DataError] = {}
        frame: np.ndarray | None = None
        for row, key in enumerate(keys):
            if row == 0 or key != keys[row - 1]:
                try:
                    frame = load_frame(self._split.frames, key)
                except DataError as error:
                    if self._on_bad_frame == "stop":
                        raise DataError(
                            f"{error}; replace the file, or give dataset.on_bad_frame=skip to let a neighbour stand in"
                        ) from error
                    bad[row], frame = error, None
            elif frame is None:
                bad[row] = bad[row - 1]
            else:
                for stream in streams:
                    stream.write_again(row, frame)
                sizes[row] = sizes[row - 1]
                continue
            if frame is not None:
                for stream in streams:
                    stream.write(row, frame)
                sizes[row] = (frame.shape[0], frame.shape[1])
        if bad:
            good = [row for row in range(len(keys)) if row not in bad]
            if not good:
                messages = dict.fromkeys(map(str, bad.values()))
                raise DataError(f"no frame of a clip can be decoded: {'; '.join(messages)}")
            for row in bad:
                nearest = min(good, key=lambda other, row=row: abs(other - row))
                used[row], sizes[row] = keys[nearest], sizes[nearest]
                frame = load_frame(self._split.frames, used[row])
                for stream in streams:
                    stream.write(row, frame)
        return used, sizes, bad

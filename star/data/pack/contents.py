"""Contents of a pack: every frame once, every tracklet once, and the views that choose among them.

A view is a data set as one setting of its reader gives it. The index of a pack holds each view whole, so that reading
it gives the reader's own tracklets, notes, protocol and fingerprint, whatever the data set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from star.types import MODALITIES, FrameSource, SkeletonStore, Split, Tracklet, VideoReIDData

TRACKLETS = np.dtype([("identity", "<i8"), ("camera", "<i8"), ("modality", "<u1"), ("first", "<u8"), ("count", "<u4")])
"""A tracklet in the index: `count` entries of the list of frame numbers from `first` on."""


class View(NamedTuple):
    """A data set read with one setting of its options.

    Attributes:
        options: the options, by key of the configuration.
        data: what the reader made of them.
    """

    options: Mapping[str, Any]
    data: VideoReIDData


class Frame(NamedTuple):
    """A frame to pack.

    Attributes:
        member: its name in the archive.
        key: in its source.
        source: number of its source.
        frames: the source.
        skeletons: where its joints are.
    """

    member: str
    key: str
    source: int
    frames: FrameSource
    skeletons: SkeletonStore | None


class Contents(NamedTuple):
    """Everything a pack holds, before a frame is read.

    Attributes:
        frames: in the order of the first view's tracklets, then of the next.
        tracklets: [m] of `TRACKLETS`.
        rows: [n] int32 numbers of frames, tracklet by tracklet.
        views: as they are stored.
    """

    frames: list[Frame]
    tracklets: np.ndarray
    rows: np.ndarray
    views: list[dict[str, Any]]

    def sha256(self) -> str:
        """Hash of the names, tracklets and views; equal contents of equal data sets have the same."""
        digest = hashlib.sha256(json.dumps(self.views, sort_keys=True).encode())
        for frame in self.frames:
            digest.update(f"{frame.source} {frame.key} {frame.member}\n".encode())
        digest.update(self.tracklets.tobytes())
        digest.update(self.rows.tobytes())
        return digest.hexdigest()


class _Collector:
    def __init__(self, root: str):
        self._prefix = root.rstrip("/") + "/"
        self.frames: list[Frame] = []
        self.tracklets: list[tuple[int, int, int, int, int]] = []
        self.rows: list[int] = []
        self._sources: list[FrameSource] = []
        self._row_of: dict[tuple[int, str], int] = {}
        self._tracklet_of: dict[tuple[int, Tracklet], int] = {}

    def split(self, split: Split) -> dict[str, Any]:
        if split.frames not in self._sources:
            self._sources.append(split.frames)
        source = self._sources.index(split.frames)
        numbers = [self._tracklet(split, source, tracklet) for tracklet in split.tracklets]
        return {"source": source, "skeletons": split.skeletons is not None, "tracklets": numbers}

    def _tracklet(self, split: Split, source: int, tracklet: Tracklet) -> int:
        number = self._tracklet_of.get((source, tracklet))
        if number is None:
            number = self._tracklet_of[source, tracklet] = len(self.tracklets)
            modality, first = MODALITIES.index(tracklet.modality), len(self.rows)
            self.rows += [self._row(split, source, key) for key in tracklet.frames]
            self.tracklets.append((tracklet.identity, tracklet.camera, modality, first, len(tracklet.frames)))
        return number

    def _row(self, split: Split, source: int, key: str) -> int:
        row = self._row_of.get((source, key))
        if row is None:
            name = split.frames.name(key)
            member = name.removeprefix(self._prefix) if name.startswith(self._prefix) else f"{source}/{key}.jpg"
            row = self._row_of[source, key] = len(self.frames)
            self.frames.append(Frame(member, key, source, split.frames, split.skeletons))
        return row


def collect(views: Iterable[View], root: Path) -> Contents:
    """List the frames, tracklets and splits of all views, each frame and tracklet once.

    Args:
        views: of one data set; all name their frames alike.
        root: what the names of the frames in the archive are relative to.
    """
    collector = _Collector(str(root))
    stored = []
    for options, data in views:
        stored.append(
            {
                "options": dict(options),
                "name": data.name,
                "protocol": data.protocol,
                "same_camera_filter": data.same_camera_filter,
                "notes": list(data.notes),
                "fingerprint": data.fingerprint,
                "splits": {split.name: collector.split(split) for split in data.splits},
                "train": data.train.name,
                "test": {direction: [pair.query.name, pair.gallery.name] for direction, pair in data.test.items()},
            }
        )
    tracklets = np.array(collector.tracklets, TRACKLETS)
    return Contents(collector.frames, tracklets, np.array(collector.rows, np.int32), stored)

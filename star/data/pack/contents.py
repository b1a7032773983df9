"""Contents of a pack: the index files of a data set, and every frame of its tracklets once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from star.data.folder import Folder
from star.types import FrameSource, SkeletonStore, VideoReIDData


class Frame(NamedTuple):
    """A frame to pack.

    Attributes:
        name: in the archive.
        key: in its source.
        source: where it is.
        skeletons: where its joints are.
    """

    name: str
    key: str
    source: FrameSource
    skeletons: SkeletonStore | None


class Contents(NamedTuple):
    """What a pack is made of.

    Attributes:
        root: of the data set; names in the archive are relative to it.
        frames: in the order of the tracklets.
        index: the index files by name.
        about: what decides which files the pack has, and what is in them but for pixels and joints.
    """

    root: Folder
    frames: list[Frame]
    index: dict[str, bytes]
    about: dict[str, Any]


def collect(
    data: VideoReIDData,
    root: Folder,
    index: Sequence[Folder],
    options: Mapping[str, Any],
    resized: Sequence[Sequence[str]] = (),
) -> Contents:
    """List what a pack of a data set holds.

    Args:
        data: the data set, with every tracklet a run may choose.
        root: its folder, or another pack.
        index: the files its reader reads.
        options: what decides which frames it has, by key of the configuration.
        resized: how its frames are stored already: what was done to them, and by which OpenCV.

    Raises:
        DataError: a skeleton file cannot be read.
    """
    prefix = f"{root}/"
    frames: dict[str, Frame] = {}
    for split in data.splits:
        for key in dict.fromkeys(key for tracklet in split.tracklets for key in tracklet.frames):
            name = split.frames.name(key).removeprefix(prefix)
            frames.setdefault(name, Frame(name, key, split.frames, split.skeletons))
    files = {str(file).removeprefix(prefix): file.read_bytes() for file in index}
    digest = hashlib.sha256("\n".join(frames).encode())
    for name, content in files.items():
        digest.update(f"\n{name} {hashlib.sha256(content).hexdigest()}".encode())
    stores = {"train": data.train.skeletons, "test": data.query.skeletons}
    about = {
        "options": dict(options),
        "frames": len(frames),
        "sha256": digest.hexdigest(),
        "skeletons": {split: store.provenance() for split, store in stores.items() if store is not None},
        "resized": [list(step) for step in resized],
    }
    return Contents(root, list(frames.values()), files, about)

"""The frames that belong into one skeleton file, as the estimators and the importers need them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from star.data.bupt_index import read_index
from star.data.frames import FolderFrames
from star.data.hitsz_vcm import find_layout
from star.data.index import read_names
from star.data.skeleton_stores import HDF5_FILES, index_sha256
from star.types import FrameSource


class FrameList(NamedTuple):
    """The frames of one split.

    Attributes:
        keys: `<identity>/<ir|rgb>/<camera>/<frame>` of each frame, in the order of the index.
        names: the same frames as the index names them (`0001M1D2T1F1.jpg`); empty where it has no names of its own.
        frames: where their pixels are.
        index_sha256: `star.data.skeleton_stores.index_sha256` of the names, for BUPTCampus of the keys; kept in the
            skeleton file.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    frames: FrameSource
    index_sha256: str


def list_frames(root: Path | str | None, kind: str = "hitsz_vcm") -> dict[str, FrameList]:
    """The frames of "train" and "test" of a data set.

    Args:
        root: the data set's folder.
        kind: "bupt_campus"; every other one is in the HITSZ-VCM layout.

    Raises:
        DataError: the index cannot be read.
    """
    if kind == "bupt_campus":
        return _campus_frames(root)
    layout = find_layout(root)
    lists = {}
    for split, folder in zip(HDF5_FILES, (layout.train, layout.test), strict=True):
        listed = read_names(layout.index / f"{split}_name.txt")
        sha = index_sha256(listed.names)
        frames = FolderFrames.find(folder, listed.keys, listed.suffix)
        lists[split] = FrameList(tuple(listed.keys), tuple(listed.names), frames, sha)
    return lists


def _campus_frames(root: Path | str | None) -> dict[str, FrameList]:
    index = read_index(root)
    frames = index.frames()
    lists = {}
    for split, keys in index.keys().items():
        names = tuple(frames.name(key).rpartition("/")[2] for key in keys)
        unique = len(set(names)) == len(names)
        lists[split] = FrameList(tuple(keys), names if unique else (), frames, index_sha256(keys))
    return lists

"""Names of images in other programs' results, matched to frames of the index."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from star.pose.frame_list import FrameList

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
_NUMBERED = re.compile(r"(.*?)(\d+)")


class Frame(NamedTuple):
    """One frame of the index: split and key."""

    split: str
    key: str


class FrameNames:
    """Finds frames by the names and paths programs give their images.

    A frame `0001/ir/D2/7` of a list is found by, in this order: its name in the index (`0001M1D2T1F7.jpg`, in whatever
    folder), any path that ends in its whole key, with at most one more folder before the name, as programs make
    (`0001/ir/D2/predictions/7.json`), its flat form (`0001_ir_D2_7`), or an end of its key (`ir/D2/7`, `D2/7.jpg`,
    `7.jpg`) that no other frame shares. A key that two splits share is told apart by the folder before it
    (`Train/0001/...`). A bare name (`7.jpg`) is first looked for in the folder of its result file, or the one above, if
    that ends like the folder of a tracklet (`OUT/0001/ir/D2`), and then nowhere else.

    Args:
        splits: frames by split.
    """

    def __init__(self, splits: Mapping[str, FrameList]):
        self._whole: dict[str, list[Frame]] = {}
        self._named: dict[str, Frame] = {}
        self._tails: dict[int, dict[str, list[Frame]]] = {}
        for split, listed in splits.items():
            for key in dict.fromkeys(listed.keys):
                self._whole.setdefault(key, []).append(Frame(split, key))
            self._named |= {
                name.rpartition(".")[0]: Frame(split, key) for name, key in zip(listed.names, listed.keys, strict=False)
            }
        self._flat = {key.replace("/", "_"): frames for key, frames in self._whole.items()}
        self._depths = sorted({key.count("/") + 1 for key in self._whole}, reverse=True)
        self._folders = {key.rpartition("/")[0] for key in self._whole}

    def find(self, image: str, folder: Path | None = None) -> list[Frame]:
        """The frames an image may be: none, one, or several if its name does not say which.

        Args:
            image: name or path.
            folder: of the result file that names it.
        """
        parts = _parts(image)
        if not parts:
            return []
        parts[-1] = _without_suffix(parts[-1])
        if parts[-1] in self._named:
            return [self._named[parts[-1]]]
        if len(parts) == 1 and folder is not None and parts[0] not in self._flat:
            place = _parts(os.path.abspath(folder))
            parts = next(([*p, *parts] for p in (place, place[:-1]) if self._is_a_tracklets(p)), parts)
        for depth in self._depths:
            if len(parts) >= depth and (frames := self._whole.get("/".join(parts[-depth:]))):
                return self._by_folder(frames, parts[:-depth])
            if len(parts) > depth and (frames := self._whole.get("/".join([*parts[-depth - 1 : -2], parts[-1]]))):
                return self._by_folder(frames, parts[: -depth - 1])
        if frames := self._flat.get(parts[-1]):
            return self._by_folder(frames, parts[:-1])
        return self._tail(len(parts)).get("/".join(parts), [])

    def _is_a_tracklets(self, folder: list[str]) -> bool:
        return any("/".join(folder[1 - depth :]) in self._folders for depth in self._depths if depth > 1)

    def _by_folder(self, frames: list[Frame], folders: list[str]) -> list[Frame]:
        if len(frames) == 1 or not folders:
            return frames
        return [frame for frame in frames if frame.split.lower() == folders[-1].lower()] or frames

    def _tail(self, parts: int) -> dict[str, list[Frame]]:
        """Frames by the last parts of their key; of those that share one the first two are kept."""
        if parts not in self._tails:
            tails: dict[str, list[Frame]] = {}
            for key, frames in self._whole.items():
                if key.count("/") >= parts:
                    sharing = tails.setdefault("/".join(key.split("/")[-parts:]), [])
                    sharing += frames[: 2 - len(sharing)]
            self._tails[parts] = tails
        return self._tails[parts]


def shifted(image: str, by: int) -> str:
    """The name of the image `by` frames later: the number at the end of its name is raised, others stay."""
    if not by:
        return image
    place, slash, name = image.replace("\\", "/").rpartition("/")
    found = _NUMBERED.fullmatch(_without_suffix(name))
    return image if found is None else f"{place}{slash}{found[1]}{int(found[2]) + by}"


def number_of(image: str) -> int | None:
    """The number at the end of an image's name; None without one."""
    found = _NUMBERED.fullmatch(_without_suffix(image.replace("\\", "/").rpartition("/")[2]))
    return None if found is None else int(found[2])


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and f"{dot}{suffix}".lower() in _SUFFIXES else name

"""Packing small data sets in tests."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from support.loaders import evaluation_loader, train_loader

from star.data.bupt_campus import read_bupt_campus
from star.data.bupt_index import read_index
from star.data.folder import Folder
from star.data.hitsz_vcm import find_layout, read_hitsz_vcm
from star.data.pack.contents import collect
from star.data.pack.encoding import Storage
from star.data.pack.pack_folder import PackFolder
from star.data.pack.reader import Pack
from star.data.pack.writer import pack_dataset
from star.types import VideoReIDData

AS_THEY_ARE = Storage()


def pack_one(data: VideoReIDData, path: Path, root: Folder, storage: Storage = AS_THEY_ARE, **changes: Any) -> int:
    """Pack a data set; returns how many frames were found done."""
    layout = read_index(root) if data.name == "bupt_campus" else find_layout(root)
    resized = root.pack.about["resized"] if isinstance(root, PackFolder) else ()
    contents = collect(data, root, layout.files, {"dataset": data.name}, resized)
    return pack_dataset(contents, path, storage=storage, **({"workers": 2, "skip_bad": False} | changes))


def unpack(path: Path, **options: Any) -> VideoReIDData:
    """Read a pack."""
    pack = Pack(path)
    read = read_bupt_campus if pack.about["options"]["dataset"] == "bupt_campus" else read_hitsz_vcm
    return pack.restate(read(PackFolder(pack), **options))


def packed(
    data: VideoReIDData, path: Path, root: Folder, storage: Storage = AS_THEY_ARE, **changes: Any
) -> VideoReIDData:
    """Pack a data set and read it back."""
    pack_one(data, path, root, storage, **changes)
    return unpack(path)


def frame_names(path: Path) -> list[str]:
    """The frames of a pack in the order of the file."""
    pack = Pack(path)
    return [record.filename for record in pack.records()[1 : pack.frames + 1]]


def unpacked(path: Path, folder: Path) -> Path:
    """The frames of a pack as files, by any ZIP tool."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def batches(data: VideoReIDData, height: int, width: int, **changes: Any) -> list[tuple[np.ndarray, ...]]:
    """One epoch of augmented training batches, then every test split."""
    options: dict[str, Any] = {"frames": 4, "height": height, "width": width, "workers": 2}
    loader = train_loader(data.train, seed=3, batches=4, **(options | changes))
    found: list[tuple[np.ndarray, ...]] = [tuple(batch) for batch in loader.epoch(1)]
    for split in data.test_splits:
        found += [batch[:2] for batch in evaluation_loader(split, **(options | changes))]
    return found


def same(first: list[tuple[np.ndarray, ...]], second: list[tuple[np.ndarray, ...]]) -> bool:
    """Whether all batches are equal, bit for bit."""
    return len(first) == len(second) and all(
        a.dtype == b.dtype and np.array_equal(a, b)
        for x, y in zip(first, second, strict=True)
        for a, b in zip(x, y, strict=True)
    )

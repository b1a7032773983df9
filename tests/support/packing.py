"""Packing small data sets in tests."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from support.loaders import evaluation_loader, train_loader

from star.data.pack.contents import View
from star.data.pack.encoding import Storage
from star.data.pack.store import Pack
from star.data.pack.writer import PackSummary, pack_dataset
from star.types import VideoReIDData

AS_THEY_ARE = Storage()
OPTIONS = {"dataset": "hitsz_vcm", "dataset.min_frames": 12}


def pack_one(
    data: VideoReIDData, path: Path, root: Path, storage: Storage = AS_THEY_ARE, **changes: Any
) -> PackSummary:
    """Pack one view of a data set, under `OPTIONS`."""
    options: dict[str, Any] = {"kind": "hitsz_vcm", "workers": 2, "skip_bad": False}
    return pack_dataset([View(OPTIONS, data)], path, root=root, storage=storage, **(options | changes))


def packed(
    data: VideoReIDData, path: Path, root: Path, storage: Storage = AS_THEY_ARE, **changes: Any
) -> VideoReIDData:
    """Pack a data set and read it back."""
    pack_one(data, path, root, storage, **changes)
    return Pack(path).view(OPTIONS)


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

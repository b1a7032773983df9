"""The data set of a configuration, from its folder or from a pack of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from star.config.schema import Dataset
from star.data.bupt_campus import read_bupt_campus
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.pack.contents import View
from star.data.pack.store import Pack
from star.data.subset import limit_identities
from star.engine.progress import counting
from star.errors import DataError
from star.synthetic import generate
from star.types import VideoReIDData

_OPTIONS = ("protocol", "same_camera_filter", "auxiliary", "fake_infrared", "min_frames")


def read_dataset(dataset: Dataset, *, workers: int, limit: int | None = None) -> VideoReIDData:
    """Read the pack if one is given, else the folder; a synthetic set that is not yet on disk is generated first.

    Args:
        dataset: checked.
        workers: processes that generate.
        limit: keep only so many identities.

    Raises:
        DataError: the data set cannot be read.
    """
    if dataset.pack is None:
        data = _read_folder(dataset, dataset_root(dataset, workers))
    else:
        data = Pack(Path(dataset.pack).expanduser()).view(_view_options(dataset))
    return data if limit is None else limit_identities(data, limit)


def dataset_root(dataset: Dataset, workers: int) -> Path:
    """The data set's folder; a synthetic set that is not yet on disk is generated.

    Raises:
        DataError: it cannot be generated.
    """
    root = Path(str(dataset.root)).expanduser()
    if dataset.kind != "synthetic":
        return root
    with counting("generating frames") as show:
        return generate(root, workers=workers, progress=show, **(dataset.generate or {}))


def views_to_pack(dataset: Dataset, root: Path) -> Iterator[View]:
    """The data set as configured, then with the other options a run can be given without packing again.

    These are the other values of `same_camera_filter`, the other `protocol`, and no filter of short tracklets, which
    `star-check` uses. `auxiliary` and `fake_infrared`, which bring further frames, stay as they are.

    Args:
        dataset: checked.
        root: its folder.

    Raises:
        DataError: the data set cannot be read with the configured options.
    """
    yield View(_view_options(dataset), _read_folder(dataset, root))
    campus = dataset.kind == "bupt_campus"
    protocols = ("full", "official_drop64") if campus else (dataset.protocol,)
    filters = (True, False, None) if campus else (True, False)
    for protocol, same_camera, shortest in product(protocols, filters, {dataset.min_frames, 1}):
        if protocol == "official_drop64" and shortest != 1:
            continue
        other = replace(dataset, protocol=protocol, same_camera_filter=same_camera, min_frames=shortest)
        if other != dataset:
            try:
                yield View(_view_options(other), _read_folder(other, root))
            except DataError:
                continue


def _read_folder(dataset: Dataset, root: Path) -> VideoReIDData:
    return _reader(dataset)(
        root,
        same_camera_filter=dataset.same_camera_filter,
        skeletons=None if dataset.skeletons is None else Path(dataset.skeletons).expanduser(),
        min_frames=dataset.min_frames,
        name=dataset.kind,
    )


def _reader(dataset: Dataset) -> Callable[..., VideoReIDData]:
    if dataset.kind != "bupt_campus":
        return read_hitsz_vcm
    return partial(
        read_bupt_campus,
        protocol=dataset.protocol,
        auxiliary=dataset.auxiliary,
        fake_infrared=dataset.fake_infrared,
    )


def _view_options(dataset: Dataset) -> dict[str, Any]:
    """What tells the views of packs apart, by key of the configuration."""
    levels = {f"dataset.generate.{key}": value for key, value in (dataset.generate or {}).items()}
    return {"dataset": dataset.kind, **{f"dataset.{key}": getattr(dataset, key) for key in _OPTIONS}, **levels}

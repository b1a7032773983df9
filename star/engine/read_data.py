"""The data set of a configuration, from its folder or from a pack of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from star.config.paths import outputs_folder
from star.config.schema import Dataset
from star.data.bupt_campus import read_bupt_campus
from star.data.bupt_index import read_index
from star.data.folder import Folder
from star.data.hitsz_vcm import find_layout, read_hitsz_vcm
from star.data.pack.contents import Contents, collect
from star.data.pack.pack_folder import PackFolder
from star.data.pack.reader import Pack
from star.data.subset import limit_identities
from star.engine.progress import counting
from star.errors import DataError
from star.synthetic import generate
from star.types import VideoReIDData


def read_dataset(dataset: Dataset, *, workers: int, limit: int | None = None) -> VideoReIDData:
    """Read the pack if one is given, else the folder; a synthetic set that is not yet on disk is generated first.

    Args:
        dataset: checked.
        workers: processes that generate.
        limit: keep only so many identities.

    Raises:
        DataError: the data set cannot be read.
    """
    data = _read(dataset, dataset_root(dataset, workers)) if dataset.pack is None else _read_pack(dataset)
    return data if limit is None else limit_identities(data, limit)


def dataset_root(dataset: Dataset, workers: int) -> Path:
    """The data set's folder; a synthetic set without one is among the outputs, and generated if it is not yet on disk.

    Raises:
        DataError: it cannot be generated, or no folder is given.
    """
    if dataset.root is None and dataset.kind != "synthetic":
        raise DataError("dataset.root: given nothing, expected the folder of the data set")
    root = outputs_folder() / "synthetic" if dataset.root is None else Path(dataset.root).expanduser()
    if dataset.kind != "synthetic":
        return root
    with counting("generating frames") as show:
        return generate(root, workers=workers, progress=show, **(dataset.generate or {}))


def contents_to_pack(dataset: Dataset, workers: int) -> Contents:
    """The data set with every tracklet that a run may choose, from its folder or from another pack.

    Args:
        dataset: checked.
        workers: processes that generate.

    Raises:
        DataError: the data set cannot be read.
    """
    everything = replace(dataset, protocol="full", min_frames=1)
    if dataset.pack is None:
        root = dataset_root(dataset, workers)
        return collect(_read(everything, root), root, _index_files(dataset.kind, root), _frame_options(dataset))
    pack = Pack(Path(dataset.pack).expanduser())
    options, root = pack.about["options"], PackFolder(pack)
    everything = replace(
        everything,
        kind=options["dataset"],
        auxiliary=options["dataset.auxiliary"],
        fake_infrared=options["dataset.fake_infrared"],
    )
    index = _index_files(everything.kind, root)
    return collect(_read(everything, root), root, index, options, pack.about["resized"])


def _read_pack(dataset: Dataset) -> VideoReIDData:
    pack = Pack(Path(str(dataset.pack)).expanduser())
    packed = pack.about["options"]
    kind = packed["dataset"]
    if dataset.kind != kind:
        raise DataError(f"pack {pack.path} holds {kind}, given dataset={dataset.kind}: give dataset={kind}")
    told = "; ".join(
        f"{key}: given {value}, packed {packed.get(key)}"
        for key, value in _frame_options(dataset).items()
        if value != packed.get(key) and (key, value) != ("dataset.auxiliary", False)
    )
    if told:
        raise DataError(
            f"pack {pack.path} holds other frames ({told}); give the options it was packed with, pack again with "
            "yours, or read the folder (dataset.pack=null)"
        )
    return pack.restate(_read(dataset, PackFolder(pack)))


def _read(dataset: Dataset, root: Folder) -> VideoReIDData:
    skeletons = None if dataset.skeletons is None else Path(dataset.skeletons).expanduser()
    options: dict[str, Any] = {"skeletons": skeletons, "min_frames": dataset.min_frames, "name": dataset.kind}
    if dataset.kind != "bupt_campus":
        return read_hitsz_vcm(root, same_camera_filter=bool(dataset.same_camera_filter), **options)
    return read_bupt_campus(
        root,
        protocol=dataset.protocol,
        same_camera_filter=dataset.same_camera_filter,
        auxiliary=dataset.auxiliary,
        fake_infrared=dataset.fake_infrared,
        **options,
    )


def _index_files(kind: str, root: Folder) -> tuple[Folder, ...]:
    return read_index(root).files if kind == "bupt_campus" else find_layout(root).files


def _frame_options(dataset: Dataset) -> dict[str, Any]:
    """What decides which frames there are, by key of the configuration."""
    levels = {f"dataset.generate.{key}": value for key, value in (dataset.generate or {}).items()}
    own = {"dataset.auxiliary": dataset.auxiliary, "dataset.fake_infrared": dataset.fake_infrared}
    return {"dataset": dataset.kind, **own, **levels}

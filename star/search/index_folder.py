"""A searchable gallery on disk: a folder with the index of faiss and, beside it, what is known of its items.

`items.npz` says which model made the features, so that another's are refused. `index.json` has checksums of both, so
that a file of another index is noticed. The folder appears when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from star.errors import DataError
from star.search.faiss_index import FaissIndex
from star.search.feature_files import read_items, write_items
from star.search.features import Items
from star.words import tracklets

_INDEX, _ITEMS, _ABOUT = "index.faiss", "items.npz", "index.json"
_END = 1 << 25
"""Bytes at either end of a file that its checksum covers."""


class StoredIndex(NamedTuple):
    """An index that was read.

    Attributes:
        index: of faiss.
        items: in the order of the index.
        about: of the features, as `star.search.features.Features.about`.
    """

    index: FaissIndex
    items: Items
    about: Mapping[str, Any]


def is_index(path: Path) -> bool:
    """Whether a path is such a folder."""
    return (path / _ABOUT).is_file()


def write_index(folder: Path, index: FaissIndex, items: Items, about: Mapping[str, Any]) -> None:
    """Write a folder; one that is there is replaced if it is an index.

    Raises:
        DataError: there is something else, or it cannot be written.
    """
    if folder.exists() and not is_index(folder):
        raise DataError(f"{folder} is there already and is no index: give another folder as save_index=")
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        index.save(partial / _INDEX)
        write_items(partial / _ITEMS, items, about)
        told = {"kind": index.kind, "lists": index.lists, "items": len(index)}
        told |= {key: about[key] for key in ("fingerprint", "width", "model") if key in about}
        told["checksums"] = {name: _checksum(partial / name) for name in (_INDEX, _ITEMS)}
        (partial / _ABOUT).write_text(json.dumps(told, indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    except (OSError, RuntimeError) as error:
        raise DataError(f"index {folder} cannot be written: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def read_index(folder: Path, probes: int) -> StoredIndex:
    """Read what `write_index` wrote.

    Args:
        folder: of the index.
        probes: cells that are searched.

    Raises:
        DataError: a file is missing or damaged, or they are not of one index.
        StarError: faiss is not installed.
    """
    try:
        told = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        kind, checksums = told["kind"], dict(told.get("checksums", {}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"index {folder} cannot be read ({error}); expected a folder of star-search") from error
    items, about = read_items(folder / _ITEMS)
    index = FaissIndex.load(folder / _INDEX, kind, probes)
    if len(index) != len(items):
        raise DataError(
            f"index {folder} is damaged: it has features of {tracklets(len(index))}, its items are {len(items):,}"
        )
    for name in (_INDEX, _ITEMS):
        if name in checksums and checksums[name] != _checksum(folder / name):
            raise DataError(
                f"index {folder} is damaged: {name} is not the file it was written with; build the index again "
                "(save_index=FOLDER)"
            )
    return StoredIndex(index, items, about)


def _checksum(path: Path) -> str:
    """Of the length and both ends of a file: an index can have hundreds of gigabytes."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        digest = hashlib.sha256(str(length).encode())
        file.seek(0)
        digest.update(file.read(_END))
        file.seek(max(file.tell(), length - _END))
        digest.update(file.read())
    return digest.hexdigest()

"""A searchable gallery on disk: a folder with the index of faiss and, beside it, what is known of its items.

`items.npz` says which model made the features, so that another's are refused. The folder appears when it is whole.
"""

from __future__ import annotations

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

_INDEX, _ITEMS, _ABOUT = "index.faiss", "items.npz", "index.json"


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
        kind = told["kind"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"index {folder} cannot be read ({error}); expected a folder of star-search") from error
    items, about = read_items(folder / _ITEMS)
    index = FaissIndex.load(folder / _INDEX, kind, probes)
    if len(index) != len(items):
        raise DataError(f"index {folder} is damaged: {len(index):,} features of {len(items):,} items")
    return StoredIndex(index, items, about)

"""Skeleton files compared with the hash of their content that they state."""

from __future__ import annotations

from collections.abc import Iterable

from star.data.skeleton_stores import Hdf5Skeletons
from star.engine.progress import counting
from star.types import SkeletonStore


def verify_skeletons(stores: Iterable[SkeletonStore | None]) -> None:
    """Compare every entry of each HDF5 file, named once or several times, with the file's `content_sha256`.

    Raises:
        DataError: a file was changed after it was written; names it.
    """
    for store in dict.fromkeys(store for store in stores if isinstance(store, Hdf5Skeletons)):
        with counting(f"comparing {store.path.name} with its hash", "skeletons") as show:
            store.require_content(show)

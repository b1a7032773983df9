"""Skeleton files of other hands: the release's HDF5 and the flat .npy form (see `star.data.skeleton_stores`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import h5py
import numpy as np

from star.data.skeleton_stores import open_hdf5
from star.errors import DataError
from star.pose.importers.joint_names import JointOrder
from star.pose.importers.result import ImageResult, Person, files_of, image_of, numbers, person


def read_hdf5(source: Path, order: JointOrder) -> Iterator[ImageResult]:
    """Every entry of a file or of all .h5 files of a folder; the entry's path names the frame.

    Raises:
        DataError: a file or an entry that cannot be read or is of another form; names it.
    """
    for path in files_of(source, ".h5"):
        try:
            with open_hdf5(path) as file:
                names = _entries(file)
                if not names:
                    raise DataError(f"{path} holds no skeletons")
                for name in names:
                    where = f"{path}, key {name}"
                    joints = cast(h5py.Dataset, file[name])[()]
                    yield ImageResult(name, where, [_person(joints, where, order)], path.parent)
        except (OSError, RuntimeError, KeyError) as error:
            raise DataError(f"{path} cannot be read ({error}): make or download it again") from error


def read_npy(source: Path, order: JointOrder) -> Iterator[ImageResult]:
    """Every .npy file of a folder, `0063_ir_D2_121.npy` or in folders like the frames.

    Raises:
        DataError: a file that cannot be read or is of another form; names it.
    """
    for path in files_of(source, ".npy"):
        try:
            joints = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path} cannot be read ({error}): make or copy it again") from error
        yield ImageResult(image_of(path, source), str(path), [_person(joints, str(path), order)], path.parent)


def stated_origin(source: Path) -> tuple[str, str] | None:
    """Estimator and version that all HDF5 files of a source agree on; None if they do not say."""
    stated = set()
    for path in files_of(source, ".h5"):
        try:
            with open_hdf5(path) as file:
                stated.add(tuple(str(file.attrs.get(name, "")) for name in ("estimator", "version")))
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error}): make or download it again") from error
    estimator, version = stated.pop()
    return (estimator, version) if not stated and estimator else None


def _entries(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, entry: names.append(name) if isinstance(entry, h5py.Dataset) else None)
    return names


def _person(joints: np.ndarray, where: str, order: JointOrder) -> Person:
    values = numbers(joints, where)
    if values.ndim != 2 or values.shape[1] != 3:
        raise DataError(f"{where}: shape {values.shape}, expected (17, 3)")
    return person(order.apply(values, where))

"""Skeleton stores: where the joints of a split are read from and written to.

Two forms on disk, both keyed by `<identity>/<ir|rgb>/D<camera>/<frame>` with float32 (17, 3) = x, y in pixels of the
stored frame and confidence:

* HDF5, one file a split (`dataset-train.h5`, `dataset-test.h5`), one small data set a key;
* `.npy`, one file a frame in one folder, the key flattened with underscores (`0063_ir_D2_121.npy`).

The root attributes of an HDF5 file say where it comes from: `estimator`, `version`, `created`, `index_sha256` (hash of
the name list its frames come from) and `content_sha256` (sum of the entries' hashes, so their order is free). Files
without them, such as the authors', are read as well.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import cast

import h5py
import numpy as np

from star.data.folder import has_suffix, list_files
from star.errors import DataError
from star.types import NUMBER_OF_JOINTS

SHAPE = (NUMBER_OF_JOINTS, 3)
HDF5_FILES = {"train": "dataset-train.h5", "test": "dataset-test.h5"}
_BLOCK = 4096
_GROWTH = 16 << 20
_ABSENT = -1


def index_sha256(names: Iterable[str]) -> str:
    """Hash of a name list (`0001M1D2T1F1.jpg`, ...), independent of line ends."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def open_hdf5(path: Path) -> h5py.File:
    """A file for reading, also where another process holds it locked or the file system has no locks.

    Skeleton files are replaced, never written in place, so a lock guards nothing.

    Raises:
        OSError, RuntimeError, KeyError: it cannot be opened as HDF5.
    """
    try:
        return h5py.File(path, "r")
    except OSError:
        return h5py.File(path, "r", locking=False)


class _Cache:
    """Joints already read, 204 bytes a frame; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, int] = {}
        self._blocks: list[np.ndarray] = []
        self._used = 0

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def get(self, key: str) -> np.ndarray | None:
        row = self._rows[key]
        return None if row == _ABSENT else self._blocks[row // _BLOCK][row % _BLOCK]

    def put(self, key: str, joints: np.ndarray | None) -> None:
        with self._lock:
            if key in self._rows:
                return
            if joints is None:
                self._rows[key] = _ABSENT
                return
            if self._used == len(self._blocks) * _BLOCK:
                self._blocks.append(np.empty((_BLOCK, *SHAPE), np.float32))
            block = self._blocks[self._used // _BLOCK]
            block[self._used % _BLOCK] = joints
            self._rows[key] = self._used
            self._used += 1


class Hdf5Skeletons:
    """Skeletons of one split in an HDF5 file; a frame is read when it is first asked for, then kept in memory.

    Args:
        path: the file.

    Attributes:
        path: the file.
        attributes: the root attributes as text.

    Raises:
        DataError: the file cannot be opened as HDF5.
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        self._cache = _Cache()
        try:
            self._file = open_hdf5(path)
            self.attributes = {str(name): str(value) for name, value in self._file.attrs.items()}
        except (OSError, RuntimeError, KeyError) as error:
            raise _unreadable(path, error) from error

    def read(self, key: str) -> np.ndarray | None:
        """[j 3] float32: x, y in pixels of the stored frame, confidence; None if the file has no such frame.

        Do not write into the array.

        Raises:
            DataError: the entry cannot be read or is not (17, 3).
        """
        if key not in self._cache:
            self._cache.put(key, self._read(key))
        return self._cache.get(key)

    def first_key(self) -> str | None:
        """The first key in order of name; None if the file holds nothing."""
        entry: h5py.Group | h5py.Dataset = self._file
        try:
            with self._lock:
                while isinstance(entry, h5py.Group):
                    entry = cast(h5py.Group | h5py.Dataset, entry[min(entry)])
        except (OSError, RuntimeError, KeyError, ValueError):
            return None
        return str(entry.name).lstrip("/")

    def provenance(self) -> str:
        """What a fingerprint needs to know about the file; neither path nor time of writing are part of it."""
        if "content_sha256" in self.attributes:
            names = ("estimator", "version", "index_sha256", "content_sha256")
            return json.dumps({name: self.attributes.get(name) for name in names})
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest()

    def require_content(self, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Compare every entry with the hash the file was written with, if it states one.

        A file of 500,000 entries took a minute, so this is for checks and not for every run.

        Args:
            on_progress: called with the entries done and their total, now and then.

        Raises:
            DataError: the entries are not those the file was written with, or one cannot be read.
        """
        stated = self.attributes.get("content_sha256")
        if stated is None:
            return
        keys, found = self._keys(), 0
        for number, key in enumerate(keys, 1):
            joints = self._read(key)
            if joints is not None:
                found = _add_entry(found, key, joints)
            if on_progress and (number == len(keys) or number % _BLOCK == 0):
                on_progress(number, len(keys))
        content = f"{found:064x}"
        if content != stated:
            raise DataError(
                f"skeleton file {self.path} was changed after it was written: its joints have the sha256 "
                f"{content[:12]}, expected {stated[:12]} as its attribute content_sha256 says; make it again, or, if "
                f"the change is meant, star-skeletons import=hdf5 source={self.path.parent} out=FOLDER writes files "
                "with the right one"
            )

    def _keys(self) -> list[str]:
        """Of all entries."""
        names: list[bytes] = []
        try:
            with self._lock:
                h5py.h5o.visit(self._file.id, names.append)
                return [
                    name.decode()
                    for name in names
                    if isinstance(h5py.h5o.open(self._file.id, name), h5py.h5d.DatasetID)
                ]
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise _unreadable(self.path, error) from error

    def _read(self, key: str) -> np.ndarray | None:
        try:
            with self._lock:
                # The low-level call costs a third of `self._file[key][()]`.
                dataset = h5py.h5d.open(self._file.id, key.encode())
                shape = dataset.shape
                if shape == SHAPE:
                    joints = np.empty(SHAPE, np.float32)
                    dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, joints)
                    return joints
        except KeyError as error:
            if self._is_damaged(key):
                raise _unreadable(self.path, error) from error
            return None
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise _unreadable(self.path, error, key) from error
        raise DataError(f"skeleton file {self.path}, key {key}: shape {shape}, expected {SHAPE}")

    def _is_damaged(self, key: str) -> bool:
        """HDF5 reports a damaged entry and a missing one alike: a name that is listed but does not open is damaged."""
        try:
            with self._lock:
                return key in self._file
        except (OSError, RuntimeError, KeyError):
            return True


class NpySkeletons:
    """Skeletons of a data set as one small file a frame; each is read once, then kept in memory.

    Args:
        path: the folder of `<identity>_<ir|rgb>_D<camera>_<frame>.npy`.

    Raises:
        DataError: the folder cannot be listed.
    """

    def __init__(self, path: Path):
        self.path = path
        self.attributes: dict[str, str] = {}
        self._cache = _Cache()
        self._names = {name.rpartition(".")[0]: name for name in list_files(path) if has_suffix(name, ".npy")}

    def read(self, key: str) -> np.ndarray | None:
        """[j 3] float32 as in `Hdf5Skeletons.read`."""
        if key not in self._cache:
            self._cache.put(key, self._read(key))
        return self._cache.get(key)

    def first_key(self) -> str | None:
        """The first name without suffix; None if the folder holds nothing."""
        return min(self._names, default=None)

    def provenance(self) -> str:
        """Hash of the names and of 100 to 199 files spread evenly over them; a change in others is not noticed."""
        names = sorted(self._names.values())
        digest = hashlib.sha256("\n".join(names).encode())
        for name in names[:: max(1, len(names) // 100)]:
            digest.update((self.path / name).read_bytes())
        return digest.hexdigest()

    def _read(self, key: str) -> np.ndarray | None:
        name = self._names.get(key.replace("/", "_"))
        if name is None:
            return None
        try:
            joints = np.load(self.path / name, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise _unreadable(self.path / name, error) from error
        if joints.shape != SHAPE:
            raise DataError(f"skeleton file {self.path / name}: shape {joints.shape}, expected {SHAPE}")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, as in HDF5
            return joints.astype(np.float32)


class SkeletonWriter:
    """Writes one HDF5 skeleton file; it appears under its name only when it is complete.

    Use as a context manager: an exception inside leaves no file and keeps an older one. The file is composed in memory
    (0.6 kB a frame) and written at once, for HDF5 ends the whole process when the disk is full.

    Args:
        path: `dataset-train.h5` or `dataset-test.h5`; its folder is made if needed.
        estimator: what made the joints, e.g. "movenet_lightning_int8".
        version: its version.
        index_sha256: `index_sha256` of the names in the split's name list.

    Raises:
        DataError: the folder cannot be made; at the end, the file cannot be written.
    """

    def __init__(self, path: Path, *, estimator: str, version: str, index_sha256: str):
        self.path = path
        self._attributes = {"estimator": estimator, "version": version, "index_sha256": index_sha256}
        self._digest = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error
        self._file = h5py.File(path.name, "w", driver="core", backing_store=False, block_size=_GROWTH)
        self._space = h5py.h5s.create_simple(SHAPE)
        self._links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
        self._links.set_create_intermediate_group(True)

    def write(self, key: str, joints: np.ndarray) -> None:
        """Add one frame.

        Args:
            key: `<identity>/<ir|rgb>/D<camera>/<frame>`.
            joints: [j 3] x, y in pixels of the stored frame, confidence in 0..1.

        Raises:
            DataError: joints are not (17, 3).
        """
        if joints.shape != SHAPE:
            raise DataError(f"joints of {key}: shape {joints.shape}, expected {SHAPE}")
        values = np.ascontiguousarray(joints, np.float32)
        # The low-level calls cost a seventh of `self._file.create_dataset(key, data=values)`.
        dataset = h5py.h5d.create(self._file.id, key.encode(), h5py.h5t.IEEE_F32LE, self._space, lcpl=self._links)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        self._digest = _add_entry(self._digest, key, values)

    def __enter__(self) -> SkeletonWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._file:
            if kind is not None:
                return
            self._file.attrs.update(self._attributes)
            self._file.attrs["content_sha256"] = f"{self._digest:064x}"
            self._file.attrs["created"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
            self._file.flush()
            image = self._file.id.get_file_image()
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file:
                file.write(image)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise _unwritable(self.path, error) from error


def _add_entry(digest: int, key: str, joints: np.ndarray) -> int:
    """The sum of the entries' hashes with one more entry, float32 (17, 3)."""
    entry = hashlib.sha256(key.encode() + b"\n" + joints.tobytes()).digest()
    return (digest + int.from_bytes(entry, "big")) % (1 << 256)


def _unreadable(path: Path, error: Exception, key: str | None = None) -> DataError:
    where = f"skeleton file {path}" + (f", key {key}" if key else "")
    denied = isinstance(error, PermissionError)
    advice = "see to its permissions" if denied else "it is damaged or not finished; make or download it again"
    return DataError(f"{where} cannot be read ({error}): {advice}")


def _unwritable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"skeleton file {path} cannot be written: {error.strerror}; make room and run the same command again"
    )

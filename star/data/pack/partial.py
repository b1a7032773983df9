"""A file in the making: locked against a second writer, and renamed when it is whole."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

from star.errors import DataError

_log = logging.getLogger(__name__)


class PartialFile:
    """`<name>.partial` beside a file, open for appending. A context manager; what was written stays after an error.

    The lock is the kernel's: it ends with the process, however that ends. Whoever gets it must look whether the file is
    there by now, for another process may have finished it between opening and locking.

    Args:
        target: the file it becomes.

    Attributes:
        path: of the partial file.
        descriptor: open for reading and writing.
        end: its length; the next byte is written there.

    Raises:
        DataError: the folder cannot be written, or another process is writing this file.
    """

    def __init__(self, target: Path):
        self._target = target
        self.path = target.with_name(f"{target.name}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            raise DataError(
                f"pack {target} cannot be written: {error.strerror}{where}; give another pack.out"
            ) from error
        self._lock()
        self.end = os.fstat(self.descriptor).st_size

    def append(self, data: bytes) -> None:
        """Write at the end; OSError where that fails leaves some of the data there."""
        left = memoryview(data)
        while left:
            written = os.pwrite(self.descriptor, left, self.end)
            self.end += written
            left = left[written:]

    def cut(self, length: int) -> None:
        """Drop what is behind `length`."""
        os.ftruncate(self.descriptor, length)
        self.end = length

    def drop_if_empty(self) -> None:
        """Remove the partial file unless something was written."""
        if not self.end:
            self.path.unlink(missing_ok=True)

    def publish(self) -> None:
        """Give the file its own name, once its bytes are on the disk."""
        os.fsync(self.descriptor)
        os.replace(self.path, self._target)
        folder = os.open(self._target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.descriptor)

    def _lock(self) -> None:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.descriptor)
            raise DataError(
                f"pack {self._target} is being written by another process ({self.path.name} is locked); wait for it, "
                "or give another pack.out"
            ) from None
        except OSError as error:
            _log.warning("%s cannot be locked (%s): do not pack into it twice at once", self.path, error.strerror)

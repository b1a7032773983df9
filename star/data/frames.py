"""Frame sources: where the encoded frames of a split are read from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from star.data.folder import Folder
from star.data.frame_suffix import USUAL, same_frame, stored_suffix
from star.data.pack.pack_folder import PackFolder
from star.errors import DataError

_BLOCK = 1 << 16  # of one read; `open` would make three more system calls for a small file


@dataclass(frozen=True)
class FolderFrames:
    """One file a frame: frame `key` is the file `path / (key + suffix)`.

    Attributes:
        path: the folder.
        suffix: of every file.
    """

    path: Folder
    suffix: str = USUAL

    @classmethod
    def find(cls, path: Folder, keys: Iterable[str], stated: str = USUAL) -> FolderFrames:
        """The frames of a folder, with the suffix its files have; see `stored_suffix`."""
        return cls(path, stored_suffix(path, keys, stated))

    def read(self, key: str) -> bytes:
        """The bytes of the file.

        Raises:
            DataError: the file is missing or cannot be read; names it.
        """
        file = f"{key}{self.suffix}"
        try:
            return read_frame_file(self.path, file)
        except DataError as error:
            others = same_frame(self.path, key)
            if others and file not in others:
                raise DataError(f"{error}; there is {others[0]}, but one data set has one suffix: rename it") from error
            raise

    def name(self, key: str) -> str:
        """The file, for messages."""
        return f"{self.path}/{key}{self.suffix}"


def read_frame_file(folder: Folder, name: str) -> bytes:
    """All bytes of one frame file in a folder, on disk or in a pack.

    Raises:
        DataError: the file is missing or cannot be read; names it.
    """
    return folder.read(name) if isinstance(folder, PackFolder) else read_file(f"{folder}/{name}")


def read_file(path: Path | str) -> bytes:
    """All bytes of one frame file on disk.

    Raises:
        DataError: the file is missing or cannot be read; names it.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            parts = [os.read(file, _BLOCK)]
            while len(parts[-1]) == _BLOCK:
                parts.append(os.read(file, _BLOCK))
        finally:
            os.close(file)
        return parts[0] if len(parts) == 1 else b"".join(parts)
    except FileNotFoundError:
        link = f": it is a link to {os.readlink(path)}, which is not there" if os.path.islink(path) else ""
        raise DataError(f"frame {path} is missing{link}") from None
    except OSError as error:
        raise DataError(f"frame {path} cannot be read: {error.strerror}") from error

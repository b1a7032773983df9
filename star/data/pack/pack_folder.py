"""A folder in a pack, with the part of `pathlib.Path` that readers of data sets use."""

from __future__ import annotations

from typing import NamedTuple

from star.data.pack.reader import Pack


class PackFolder(NamedTuple):
    """A place in a pack: a folder, or one of its files.

    Attributes:
        pack: the pack.
        at: the place's path in the data set; empty for the root.
    """

    pack: Pack
    at: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return str(self).rpartition("/")[2]

    def __truediv__(self, name: str) -> PackFolder:
        return PackFolder(self.pack, self._join(name))

    def __str__(self) -> str:
        return f"{self.pack.path}/{self.at}" if self.at else str(self.pack.path)

    def is_dir(self) -> bool:
        """Whether it is a folder with something in it."""
        return not self.at or self.pack.has_folder(self.at)

    def is_file(self) -> bool:
        """Whether it is a file."""
        return self.pack.find(self.at) is not None

    def files(self) -> list[str]:
        """Names of the files in it."""
        return self.pack.files(self.at)

    def read(self, name: str) -> bytes:
        """The bytes of a file below it, see `Pack.read`."""
        return self.pack.read(self._join(name))

    def read_bytes(self) -> bytes:
        """Its bytes, see `Pack.read`."""
        return self.pack.read(self.at)

    def _join(self, name: str) -> str:
        return f"{self.at}/{name}" if self.at else name

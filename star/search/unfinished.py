"""Features already made, on disk beside the file they will become, so that a command that was killed loses few.

A folder beside the file holds a description of what is being made, whatever the command needs on the way, and parts:
each a file of features that says which rows of the whole it has.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np

from star.errors import DataError
from star.search.feature_files import read_features, write_features
from star.search.features import Features, Items, join_items
from star.search.whole_file import whole_file
from star.words import tracklets

_log = logging.getLogger(__name__)

_DESCRIPTION = "making.json"
_ROWS = "rows"


class Part(NamedTuple):
    """Features of some tracklets.

    Attributes:
        rows: theirs in the whole.
        values: [n d], L2-normalised.
        items: what is known of them.
    """

    rows: Sequence[int]
    values: np.ndarray
    items: Items


class Unfinished:
    """The folder of a file that is being made; a context manager that keeps others from making the same file.

    Args:
        out: the file.
        making: all that can change a feature or its row; `model` is the fingerprint.

    Attributes:
        folder: `.<name of the file>.unfinished` beside it.

    Raises:
        DataError: another process is at it, or the folder cannot be made.
    """

    def __init__(self, out: Path, making: Mapping[str, str]):
        self.out = out
        self.folder = out.with_name(f".{out.name}.unfinished")
        self._making = dict(making)
        self._lock = -1

    def __enter__(self) -> Unfinished:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._begin()
        except BlockingIOError:
            raise DataError(f"another star-embed is writing {self.out}: wait for it or give another out=") from None
        except OSError as error:
            raise DataError(f"{self.folder} cannot be written: {error.strerror}") from error
        return self

    def _begin(self) -> None:
        """Keep what is there only if the same is being made."""
        if (before := self._described()) == self._making:
            return
        if before is not None:
            _log.warning("what was made of %s before is discarded: it was of another model or input", self.out)
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        try:
            self.write_json(_DESCRIPTION, self._making)
        except DataError:
            self.folder.rmdir()
            os.close(self._lock)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if [path.name for path in self.folder.glob("*")] == [_DESCRIPTION]:
            shutil.rmtree(self.folder)
        os.close(self._lock)

    def write_json(self, name: str, value: object) -> None:
        """Keep a value under a name, whole or not at all.

        Raises:
            DataError: it cannot be written.
        """
        with whole_file(self.folder / name, "what is made on the way") as partial:
            partial.write_text(json.dumps(value, indent=1), encoding="utf-8")

    def read_json(self, name: str) -> object:
        """A value that was kept; None if there is none."""
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    @contextmanager
    def keeping(self, seconds: float) -> Iterator[Callable[[Part], None]]:
        """Collects parts and writes them every few seconds and at the end, also where an error ends it.

        Yields:
            A function to call with each part.
        """
        made: list[Part] = []
        written = time.monotonic()

        def keep(part: Part) -> None:
            nonlocal written
            made.append(part)
            if time.monotonic() - written > seconds:
                self._write(made)
                made.clear()
                written = time.monotonic()

        try:
            yield keep
        except BaseException:
            self._write(made)
            kept = len(self.done())
            verb = "is" if kept == 1 else "are"
            _log.warning("stopped: %s %s kept; the same command continues", tracklets(kept), verb)
            raise
        self._write(made)

    def _write(self, parts: Sequence[Part]) -> None:
        if parts:
            number = 1 + max((int(path.stem) for path in self._files()), default=0)
            values = np.concatenate([part.values for part in parts])
            about = {**self._about(values), _ROWS: [row for part in parts for row in part.rows]}
            features = Features(values, join_items([part.items for part in parts]), about)
            write_features(self.folder / f"{number:06d}.npz", features)

    def done(self) -> set[int]:
        """Rows that are kept."""
        return {row for path in self._files() for row in read_features(path).about[_ROWS]}

    def finish(self, about: Mapping[str, object]) -> Features:
        """Put the parts together in order of their rows, write the file and remove the folder.

        Args:
            about: of the whole.

        Raises:
            DataError: nothing was kept, or the file cannot be written.
        """
        parts = [read_features(path) for path in self._files()]
        if not parts:
            raise DataError(f"{self.out} is not written: there is no tracklet with a feature")
        order = np.argsort([row for part in parts for row in part.about[_ROWS]])
        values = np.concatenate([part.values for part in parts])[order]
        features = Features(values, join_items([part.items for part in parts]).rows(order), about)
        write_features(self.out, features)
        shutil.rmtree(self.folder)
        return features

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*.npz") if path.stem.isdecimal())

    def _about(self, values: np.ndarray) -> dict[str, object]:
        return {"fingerprint": self._making["model"], "width": values.shape[1]}

    def _described(self) -> object:
        return self.read_json(_DESCRIPTION)

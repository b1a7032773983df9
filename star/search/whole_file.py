"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from star.errors import DataError


@contextmanager
def whole_file(path: Path, what: str) -> Iterator[Path]:
    """A file beside the one that is wanted; it takes that one's place when it is whole and is removed after an error.

    Args:
        path: of the file; replaced if it is there.
        what: it holds, for the message.

    Yields:
        Where to write.

    Raises:
        DataError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise DataError(f"{what} {path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)

"""Folders of a data set as its readers see them: on disk, or in a pack."""

from __future__ import annotations

import os
from pathlib import Path

from star.data.pack.pack_folder import PackFolder
from star.errors import DataError

Folder = Path | PackFolder


def list_files(folder: Folder) -> list[str]:
    """Names of what is in a folder; none if there is no such folder.

    Raises:
        DataError: the folder cannot be read.
    """
    if isinstance(folder, PackFolder):
        return folder.files()
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"folder {folder} cannot be read: {error.strerror}") from error

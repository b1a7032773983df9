"""Files of reports."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from star.errors import ReportError
from star.report.queries import FindFile

PAGE, FIGURES = "report.html", "figures"
_DRAWN = ("cmc.*", "training.*", "scatter_*", "hardest_*")


def reports_folder(outputs: Path, name: str) -> Path:
    """Folder of one report.

    Args:
        outputs: the project's output folder.
        name: of the study, or of a pair of runs.
    """
    return outputs / "reports" / name


def file_finder(uri: str, outputs: Path) -> FindFile:
    """How files of runs are found; those fetched from a server are kept in `<outputs>/reports/.downloads`."""
    from star.tracking.artifacts import run_file

    return partial(run_file, uri, downloads=outputs / "reports" / ".downloads")


def remove_page(folder: Path) -> None:
    """Remove the page and the figures of an earlier report, whose numbers may be others.

    Raises:
        ReportError: one cannot be removed.
    """
    try:
        for old in (folder / PAGE, *(path for pattern in _DRAWN for path in (folder / FIGURES).glob(pattern))):
            old.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"the earlier report in {folder} cannot be removed: {error.strerror}") from error


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts into a folder, which is made if needed.

    Raises:
        ReportError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"the report cannot be written to {folder}: {error.strerror}") from error

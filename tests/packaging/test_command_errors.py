"""Errors that every command shows without a traceback."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

import pytest

from star.cli import command


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.EROFS, os.strerror(errno.EROFS), "/data/outputs/runs"),
            "/data/outputs/runs: Read-only file system",
        ),
        (OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), "/a.txt/runs"), "/a.txt/runs: Not a directory"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "a file cannot be written: No space left on device"),
    ],
)
def test_a_disk_that_takes_nothing_is_one_sentence(
    error: OSError, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def fails(arguments: Sequence[str]) -> None:
        raise error

    monkeypatch.setattr(command, "use_large_pages", lambda: None)
    monkeypatch.setattr("sys.argv", ["star-train"])
    with pytest.raises(SystemExit) as ended:
        command.exit_with(fails)
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: {sentence}\n"


@pytest.mark.parametrize("error", [OSError(errno.EPIPE, "Broken pipe", "x"), OSError(errno.EROFS, "without a name")])
def test_other_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch, error: OSError):
    def fails(arguments: Sequence[str]) -> None:
        raise error

    monkeypatch.setattr(command, "use_large_pages", lambda: None)
    monkeypatch.setattr("sys.argv", ["star-train"])
    with pytest.raises(OSError, match=str(error.strerror)):
        command.exit_with(fails)

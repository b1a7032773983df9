"""Commands start once more with large pages, and only they."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from star.cli import large_pages
from star.cli.large_pages import VARIABLE, use_large_pages

PROGRAM = f"""
import os, sys
from star.cli.command import exit_with
exit_with(lambda arguments: print(os.environ.get({VARIABLE!r}), arguments, os.getpid()))
"""


def test_a_command_has_its_arguments_and_process_after_it(tmp_path: Path, project: Path):
    program = tmp_path / "star-something"
    program.write_text(PROGRAM)
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment["PYTHONPATH"] = str(project)
    arguments = ["a b", "c='d,1'"]
    command = [sys.executable, program, *arguments]
    started = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    said, _ = started.communicate()
    pages = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    expected = "glibc.malloc.hugetlb=1" if pages.exists() and "[madvise]" in pages.read_text() else None
    assert said == f"{expected} {arguments} {started.pid}\n"


@pytest.mark.parametrize(
    ("program", "own", "pages"),
    [
        pytest.param("star-train", "glibc.malloc.check=1", "always [madvise] never", id="a value of one's own"),
        pytest.param("pytest", None, "always [madvise] never", id="another program"),
        pytest.param("star-train", None, "[always] madvise never", id="given without asking"),
        pytest.param("star-train", None, "always madvise [never]", id="never given"),
        pytest.param("star-train", None, None, id="another kernel"),
    ],
)
def test_nothing_is_started(
    program: str, own: str | None, pages: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(sys, "argv", [f"/bin/{program}"])
    monkeypatch.delenv(VARIABLE, raising=False)
    if own:
        monkeypatch.setenv(VARIABLE, own)
    if pages:
        (tmp_path / "enabled").write_text(pages)
    monkeypatch.setattr(large_pages, "_ON_REQUEST", tmp_path / "enabled")
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("started once more"))
    use_large_pages()
    assert os.environ.get(VARIABLE) == own

"""Code run in a process that ends when MindSpore, or another package it should do without, is imported."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

_REFUSE = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {names}:
            sys.exit(f"{{name}} was imported")

sys.meta_path.insert(0, Refuse())
"""


def run_without_mindspore(code: str, folder: Path, *others: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run `code`; the seconds are those of the processor.

    Args:
        code: `sys` is imported already.
        folder: to run it in.
        others: packages that are refused as well.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(
        [sys.executable, "-c", _REFUSE.format(names=("mindspore", *others)) + code],
        cwd=folder,
        env=os.environ | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return result, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

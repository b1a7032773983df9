"""Large pages for the memory of a command's process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "GLIBC_TUNABLES"
_ON_REQUEST = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def use_large_pages() -> None:
    """Start the program once more with large pages for malloc, where the kernel gives them on request.

    MindSpore's compiler follows pointers through hundreds of megabytes. On virtual machines whose page tables are slow
    it takes a tenth of the time with large pages (docs/troubleshooting.md). glibc reads the variable only when a
    program starts. A value that is already there is left alone, and so is a program that is no star-* command.
    """
    if VARIABLE in os.environ or not Path(sys.argv[0]).name.startswith("star-"):
        return
    try:
        on_request = "[madvise]" in _ON_REQUEST.read_text()
    except OSError:
        return
    if on_request:
        os.environ[VARIABLE] = "glibc.malloc.hugetlb=1"
        os.execv(sys.executable, sys.orig_argv)

"""CANN, the software below MindSpore on Ascend, or the stand-ins for it: what a simulation loads."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from star.dry_run.stand_in import LIBRARIES, PACKAGES, PAUSE, stand_in

_VARIABLES = ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME")
"""Set by CANN's `set_env.sh`."""
_USUAL = (Path("/usr/local/Ascend/ascend-toolkit/latest"), Path("/usr/local/Ascend/latest"))


class Cann(NamedTuple):
    """Where the Ascend backend finds what it is linked with.

    Attributes:
        name: for reports.
        libraries: for `LD_LIBRARY_PATH`.
        packages: for `PYTHONPATH`; None: CANN's own environment has them.
        preloaded: for `LD_PRELOAD`.
    """

    name: str
    libraries: Path
    packages: Path | None = None
    preloaded: Path | None = None

    def environment(self) -> dict[str, str]:
        """This process's environment with these libraries first; a child imports what this process can import."""
        libraries = [str(self.libraries), os.environ.get("LD_LIBRARY_PATH", "")]
        packages = [str(self.packages or ""), *(path or os.getcwd() for path in sys.path)]
        preloaded = [str(self.preloaded or ""), os.environ.get("LD_PRELOAD", "")]
        return os.environ | {
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
            "PYTHONPATH": os.pathsep.join(filter(None, packages)),
            "LD_PRELOAD": os.pathsep.join(filter(None, preloaded)),
        }


def find_cann(environment: Mapping[str, str] = os.environ) -> Cann:
    """CANN where its own variables name it or where it is usually installed, else the stand-ins.

    Raises:
        DryRunError: there is no CANN, and the stand-ins cannot be built.
    """
    named = [Path(environment[name]) for name in _VARIABLES if environment.get(name)]
    for folder in (*named, *_USUAL):
        if (folder / "lib64" / "libascendcl.so").exists():
            return Cann(f"CANN in {folder}", folder / "lib64")
    folder = stand_in()
    return Cann("stand-ins for CANN", folder / LIBRARIES, folder / PACKAGES, folder / PAUSE)

"""CANN, the software below MindSpore on Ascend, or the stand-ins for it: what a simulation loads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from star.dry_run.stand_in import LIBRARIES, PACKAGES, stand_in

_VARIABLES = ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME")
"""Set by CANN's `set_env.sh`."""
_USUAL = (Path("/usr/local/Ascend/ascend-toolkit/latest"), Path("/usr/local/Ascend/latest"))


class Cann(NamedTuple):
    """Where the Ascend backend finds what it is linked with.

    Attributes:
        name: for reports.
        libraries: for `LD_LIBRARY_PATH`.
        packages: for `PYTHONPATH`; None: CANN's own environment has them.
    """

    name: str
    libraries: Path
    packages: Path | None = None

    def environment(self) -> dict[str, str]:
        """This process's environment with these libraries first."""
        added = {"LD_LIBRARY_PATH": self.libraries, "PYTHONPATH": self.packages}
        given = {name: os.pathsep.join((str(path), os.environ.get(name, ""))) for name, path in added.items() if path}
        return os.environ | {name: value.rstrip(os.pathsep) for name, value in given.items()}


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
    return Cann("stand-ins for CANN", folder / LIBRARIES, folder / PACKAGES)

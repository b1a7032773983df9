"""CUDA 11 for the GPU plugin of the `mindspore` wheel: found, named to MindSpore, loaded.

The plugin is linked with CUDA 11 and cuDNN 8 and looks for both through the loader, and at `$CUDA_HOME/bin/nvcc` for
CUDA's version. An installation of the user's own comes first, the libraries of the extra `gpu` (NVIDIA's packages on
PyPI) otherwise. They are loaded here, before MindSpore asks for them, so no variable must be set by hand.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

LIBRARIES = (
    *("libcudart.so.11.0", "libcublas.so.11", "libcudnn.so.8", "libcurand.so.10", "libcufft.so.10"),
    *("libcusparse.so.11", "libcusolver.so.11", "libnvrtc.so.11.2"),
)
"""What the plugin is linked with."""
DRIVER = "libcuda.so.1"
INSTALL = "pip install -e '.[gpu]'"

_RELEASES = ("11.1", "11.6")
"""Of CUDA, for which the wheel has a plugin; that of 11.6 is taken for every other 11.x."""
_NVCC = """\
#!/bin/sh
# MindSpore asks CUDA's compiler for its version, and nothing else.
echo "Cuda compilation tools, release 11.6, V11.6.55"
"""


@cache
def gpu_problem() -> str | None:
    """Why MindSpore cannot use a GPU on this machine; None: its libraries are loaded, and there is a driver."""
    plugin = _plugin_folder()
    if plugin is None or not list(plugin.glob("libmindspore_gpu.so.11.*")):
        return "the installed MindSpore has no GPU plugin (its wheels for Linux on x86_64 have one)"
    missing = _load_own() and _load_wheels()
    if missing:
        some = "" if len(missing) == len(LIBRARIES) else f" completely, {', '.join(missing)} is missing"
        return f"CUDA 11 and cuDNN 8 are not installed here{some}: {INSTALL}"
    if not _loads(DRIVER):
        return f"this machine has no NVIDIA driver ({DRIVER})"
    return None


def _plugin_folder() -> Path | None:
    spec = find_spec("mindspore")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "lib" / "plugin"


def _load_own() -> list[str]:
    """Load an installation of CUDA 11 and say what it lacks."""
    home = Path(os.environ.get("CUDA_HOME") or "/usr/local/cuda")
    libraries = home / "lib64"
    missing = [name for name in LIBRARIES if not _loads(str(libraries / name)) and not _loads(name)]
    if not missing:
        if _release(home) not in _RELEASES:
            os.environ["CUDA_HOME"] = str(_stand_in_home())
        _prepend("LD_LIBRARY_PATH", [libraries])
    return missing


def _load_wheels() -> list[str]:
    """Load the libraries of NVIDIA's packages and say what they lack."""
    spec = find_spec("nvidia")
    roots = [] if spec is None else list(spec.submodule_search_locations or ())
    found = sorted(path for root in roots for path in Path(root).glob("*/lib/lib*.so*"))
    missing = [name for name in LIBRARIES if name not in {path.name for path in found}]
    if missing:
        return missing
    rest = found
    while rest:  # each may need others of them
        failed = [path for path in rest if not _loads(str(path))]
        if len(failed) == len(rest):
            break
        rest = failed
    os.environ["CUDA_HOME"] = str(_stand_in_home())
    _prepend("LD_LIBRARY_PATH", sorted({path.parent for path in found}))
    return [path.name for path in rest if path.name in LIBRARIES]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _release(home: Path) -> str | None:
    """What the compiler of an installation says of its version."""
    try:
        said = subprocess.run([home / "bin" / "nvcc", "--version"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"release (\d+\.\d+)", said)
    return found[1] if found else None


def _stand_in_home() -> Path:
    """A folder whose `bin/nvcc` gives a version for which there is a plugin."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "star" / "cuda-11.6"
    nvcc = home / "bin" / "nvcc"
    if not nvcc.exists():
        nvcc.parent.mkdir(parents=True, exist_ok=True)
        fresh = nvcc.with_name(f"nvcc.{os.getpid()}")
        fresh.write_text(_NVCC)
        fresh.chmod(0o755)
        fresh.replace(nvcc)
    return home


def _prepend(variable: str, folders: Sequence[Path]) -> None:
    """Put folders before those of a path variable, for the processes that this one starts."""
    given = os.environ.get(variable, "").split(os.pathsep)
    os.environ[variable] = os.pathsep.join(dict.fromkeys([*map(str, folders), *filter(None, given)]))

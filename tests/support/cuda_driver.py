"""A stand-in for NVIDIA's driver that finds no device: every function of `libcuda.so.1` says so."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

_NAME = re.compile(rb"(?<![\w.])cu[A-Z]\w+(?=[\x00@])")
_NO_DEVICE = 100
_VERSION = "int cuDriverGetVersion(int *version) { *version = 12020; return 0; }\n"


def write_driver(folder: Path, libraries: Iterable[Path], compiler: str) -> None:
    """Write `libcuda.so.1`.

    Args:
        folder: where to.
        libraries: that use the driver; what they name is there.
        compiler: for C.
    """
    names = {name.decode() for library in libraries for name in _NAME.findall(library.read_bytes())}
    lines = [f"int {name}(void) {{ return {_NO_DEVICE}; }}\n" for name in sorted(names - {"cuDriverGetVersion"})]
    source = folder / "driver.c"
    source.write_text(_VERSION + "".join(lines))
    command = [compiler, "-w", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-x", "c", str(source)]
    subprocess.run([*command, "-o", str(folder / "libcuda.so.1")], check=True)


def users_of_the_driver() -> list[Path]:
    """MindSpore's plugin, its operators, and CUDA's runtime from NVIDIA's package."""
    wheel, nvidia = find_spec("mindspore"), find_spec("nvidia")
    assert wheel and wheel.origin and nvidia and nvidia.submodule_search_locations
    plugin = Path(wheel.origin).parent / "lib" / "plugin"
    runtime = Path(next(iter(nvidia.submodule_search_locations))) / "cuda_runtime" / "lib" / "libcudart.so.11.0"
    return [plugin / "libmindspore_gpu.so.11.6", plugin / "gpu" / "libcuda_ops.so.11", runtime]

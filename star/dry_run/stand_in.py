"""Stand-ins for CANN's libraries, with which the Ascend backend of the `mindspore` wheel loads on any Linux machine.

In MindSpore's simulation (`MS_SIMULATION_LEVEL`) the backend compiles graphs, selects and builds kernels and plans
memory, and asks no device. It still wants CANN's libraries to be there. What it looks for and nobody defines is defined
here: functions that return 0, constructors that return a pointer, and small real classes of the graph engine
(`graph_engine.cc`). Nothing of it computes.

`python -m star.dry_run.stand_in FOLDER` writes them; `star-check --dry-run` does it by itself.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from star.dry_run.errors import DryRunError

LIBRARIES = Path("ascend-toolkit", "latest", "lib64")
"""Of a stand-in's folder: what belongs on `LD_LIBRARY_PATH`."""
PACKAGES = Path("python")
"""Of a stand-in's folder: what belongs on `PYTHONPATH`."""
PAUSE = LIBRARIES / "libpause.so"
"""Of a stand-in's folder: what belongs into `LD_PRELOAD`.

A thread of the simulation asks for news without a pause, which keeps a core busy; this answers after ten milliseconds.
"""

_GRAPH_ENGINE = Path(__file__).with_name("graph_engine.cc")
_NOT_OF_ASCEND = re.compile(r"/(gpu|custom)|gpu\.so|aicpu")
_FOREIGN = re.compile(r"_?Py|__|_ZTH|_Jv")
"""Symbols that the interpreter and the compiler's own libraries bring."""
_NEWS = "_ZN9mindspore6device6ascend27SimuFuncIaclrtProcessReportIiEET_i"
"""`aclrtProcessReport` of the simulation."""
_CONSTRUCTORS = ("aclopCreate", "aclCreate")
_LOADED_BY_NAME = re.compile(r"acl(op|Create|Destroy|SetTensor|SetCompileopt|GetCompile)\w+")
_ACLNN = re.compile(r"aclnn[A-Za-z0-9]+")
_BESIDE_ACLNN = {
    *("aclnnInit", "aclnnFinalize", "InitHugeMemThreadLocal", "UnInitHugeMemThreadLocal", "ReleaseHugeMem"),
    *("initHugeMemThreadLocal", "unInitHugeMemThreadLocal", "releaseHugeMem", "SetPTAHashKey", "CanUsePTACache"),
    *("PTAGetExecCache", "AddTensorAddrToCachedList"),
}
"""What a library of aclnn kernels has besides."""
_TEXT = re.compile(rb"acl\w+(?![\x20-\x7e])")


def stand_in() -> Path:
    """The folder of the stand-ins for the installed MindSpore, made if it is not there yet.

    It lies in the user's cache (`$XDG_CACHE_HOME`, else `~/.cache`), made once for each version of MindSpore.

    Raises:
        DryRunError: no C++ compiler, or what it said.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "star"
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (Path(__file__), _GRAPH_ENGINE))).hexdigest()[:12]
    folder = cache / f"cann-stand-in-{version('mindspore')}-{digest}"
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            made = Path(temporary) / "made"
            build_stand_in(made)
            if not folder.is_dir():
                made.rename(folder)
    except OSError as error:
        if not folder.is_dir():
            raise DryRunError(f"the stand-ins for CANN cannot be written to {cache}: {error}") from error
    return folder


def compiler() -> str | None:
    """The C++ compiler (`$CXX`, else `g++` or `c++`), if it and the tools that come with it are there."""
    found = next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), "g++", "c++"))), None)
    return found if found and shutil.which("nm") and shutil.which("readelf") else None


def build_stand_in(folder: Path) -> None:
    """Write the stand-ins into a folder: shared libraries, and a package `hccl`, which MindSpore's `init` looks for.

    Args:
        folder: made if it is absent.

    Raises:
        DryRunError: no C++ compiler, or what it said.
    """
    if compiler() is None:
        raise DryRunError(
            "the stand-ins for CANN take a C++ compiler with nm and readelf (Debian, Ubuntu: apt install g++)"
        )
    libraries = folder / LIBRARIES
    libraries.mkdir(parents=True)
    package = folder / PACKAGES / "hccl"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "sys_version.py").write_text('__sys_version__ = "0"\n')

    wheel = _wheel()
    plugin = [path for path in sorted(wheel.glob("plugin/**/*.so*")) if not _NOT_OF_ASCEND.search(str(path))]
    bound = sorted(wheel.glob("*.so*")) + sorted(wheel.parent.glob("*.so"))
    needed = _needed(plugin)
    system = {name: path for name, path in _system_libraries().items() if name in needed}

    defined = _symbols([*bound, *plugin, *system.values()], "--defined-only")
    wanted = {name for name in _symbols(plugin, "--undefined-only", kind="U") if not _FOREIGN.match(name)}
    objects = libraries / "graph_engine.o"
    _compile("-O1", "-D_GLIBCXX_USE_CXX11_ABI=0", "-c", str(_GRAPH_ENGINE), "-o", str(objects))
    classes = {line.split()[-1] for line in _lines("nm", str(objects)) if line.split()[-2] in "TWVu"}

    manager = _only(plugin, "libmindspore_ascend_res_manager.so")
    missing = wanted - defined - classes
    by_name = set(filter(_LOADED_BY_NAME.fullmatch, _texts([manager]))) - missing
    aclnn = set(filter(_ACLNN.fullmatch, _texts([*plugin, *wheel.glob("libmindspore_ops*.so")])))
    aclnn |= {f"{name}GetWorkspaceSize" for name in aclnn if not name.endswith("GetWorkspaceSize")} | _BESIDE_ACLNN

    _library(libraries / "libascendcl.so", missing | by_name, objects)
    _library(libraries / "libacl_op_compiler.so", by_name)
    _library(libraries / "libopapi.so", aclnn)
    here = {path.name for path in (*plugin, *bound, *libraries.glob("*.so"))}
    for name in sorted(needed - here - set(system)):
        if not name.startswith("ld-"):
            _library(libraries / name, ())
    pause = libraries / "pause.c"
    pause.write_text(f"#include <unistd.h>\nint {_NEWS}(int timeout) {{ usleep(10000); return 0; }}\n")
    _compile("-shared", "-o", str(folder / PAUSE), "-x", "c", str(pause))
    for rest in (objects, *libraries.glob("*.c")):
        rest.unlink()


def _wheel() -> Path:
    spec = find_spec("mindspore")
    if spec is None or spec.origin is None:
        raise DryRunError("mindspore is not installed")
    libraries = Path(spec.origin).parent / "lib"
    if not (libraries / "plugin" / "ascend").is_dir():
        raise DryRunError(f"the installed MindSpore has no Ascend backend: {libraries}/plugin/ascend is not there")
    return libraries


def _library(path: Path, functions: Iterable[str], *objects: Path) -> None:
    """A shared library with functions that return 0, or a pointer if they are to make something."""
    source = path.with_suffix(".c")
    lines = ["static char object[4096];"]
    for name in sorted(functions):
        value = "object" if name.startswith(_CONSTRUCTORS) else "0"
        data = name.startswith(("_ZTI", "_ZTS", "_ZTV"))
        lines.append(f"char {name}[256];" if data else f"void *{name}(void) {{ return {value}; }}")
    source.write_text("\n".join(lines) + "\n")
    shared = ("-shared", f"-Wl,-soname,{path.name}", "-fno-builtin", "-o", str(path))
    _compile(*shared, "-x", "c", str(source), "-x", "none", *map(str, objects))


def _compile(*arguments: str) -> None:
    command = [str(compiler()), "-w", "-fPIC", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise DryRunError(f"the stand-ins for CANN could not be built: {' '.join(command)}\n{done.stderr[-2000:]}")


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def _symbols(libraries: Iterable[Path], which: str, kind: str | None = None) -> set[str]:
    """Dynamic symbols without their versions; of one kind of `nm`, or all."""
    words = [line.split() for path in libraries for line in _lines("nm", "-D", which, str(path))]
    return {word[-1].split("@")[0] for word in words if len(word) > 1 and kind in (None, word[-2])}


def _texts(libraries: Iterable[Path]) -> set[str]:
    """Texts in libraries that begin with "acl": names of functions that are looked up while they run."""
    found: set[bytes] = set()
    for path in libraries:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found.update(m[0] for m in _TEXT.finditer(content) if not 32 <= content[m.start() - 1] < 127)
    return {name.decode() for name in found}


def _needed(libraries: Iterable[Path]) -> set[str]:
    """Names of the libraries that these are linked with."""
    lines = [line for path in libraries for line in _lines("readelf", "-d", str(path)) if "NEEDED" in line]
    return {line.rpartition("[")[2].rstrip("] ") for line in lines}


def _system_libraries() -> dict[str, Path]:
    """The libraries that the loader knows, by name."""
    listed = shutil.which("ldconfig") or "/sbin/ldconfig"
    pairs = [line.split(" => ") for line in _lines(listed, "-p") if " => " in line]
    return {name.split()[0]: Path(path) for name, path in reversed(pairs)}


def _only(libraries: Iterable[Path], name: str) -> Path:
    found = [path for path in libraries if path.name == name]
    if not found:
        raise DryRunError(f"the installed MindSpore has no {name}: its Ascend backend is not one this tool knows")
    return found[0]


if __name__ == "__main__":
    try:
        build_stand_in(Path(sys.argv[1]))
    except DryRunError as error:
        sys.exit(f"error: {error}")

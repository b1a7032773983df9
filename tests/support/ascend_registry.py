"""What the installed MindSpore wheel has registered for Ascend, asked of its own Ascend library.

`libmindspore_ops_ascend.so` needs CANN, which is not here. A library with empty functions stands in for it, so that the
Ascend library loads and its static registrations happen; none of its kernels can run. Called as a program by
`kernels_of`, because a process that has loaded the library is good for nothing else:
`ascend_registry.py STAND_IN NAME ...`.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

_CANN = re.compile(r"\bU ((?:_ZNK?2ge|_ZT[ISV]N2ge|acl|hal)\w+)")
_STATUS = "_ZN2ge13StatusFactory8InstanceEv"
_STAND_IN = """
static char nothing[1 << 20];
static struct { void *compare; long colour; void *parent, *left, *right; long size; } table = {
    0, 0, 0, &table.colour, &table.colour, 0};
void *_ZN2ge13StatusFactory8InstanceEv(void) { return &table; }
"""
"""GE's table of error messages is the one thing the library writes to: a `std::map`, here an empty one."""


def kernels_of(names: Iterable[str], folder: Path) -> dict[str, list[str]]:
    """How Ascend would run primitives, by name: "aclnn" (registered kernel), "adapter" (a GE operator), or nothing.

    Args:
        names: of primitives.
        folder: for the stand-in of CANN. Needs `cc` and `nm`.
    """
    libraries = _libraries()
    symbols = "".join(
        subprocess.run(["nm", "-D", "--undefined-only", path], capture_output=True, text=True, check=True).stdout
        for path in (libraries / "libmindspore_ops_ascend.so", *sorted((libraries / "ascend").glob("*_res_manager.so")))
    )
    missing = sorted(set(_CANN.findall(symbols)) - {_STATUS})
    functions = [f"void *{name}(void) {{ return nothing + (1 << 19); }}" for name in missing if name[:3] != "_ZT"]
    tables = [f"char {name}[256];" for name in missing if name[:3] == "_ZT"]
    source = folder / "stand_in.c"
    source.write_text("\n".join([_STAND_IN, *functions, *tables]))
    for name, contents in (("libshmem.so", source), ("libhccl.so", os.devnull)):
        command = ["cc", "-shared", "-fPIC", "-w", "-fno-builtin", "-x", "c", str(contents), f"-Wl,-soname,{name}"]
        subprocess.run([*command, "-o", str(folder / name)], check=True)
    environment = os.environ | {"LD_LIBRARY_PATH": f"{folder}:{libraries / 'ascend'}", "GLOG_v": "3"}
    answer = subprocess.run(
        [sys.executable, __file__, str(folder), *names], env=environment, capture_output=True, text=True, timeout=300
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout.splitlines()[-1])


def _libraries() -> Path:
    spec = find_spec("mindspore")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "lib" / "plugin"


def _ask(folder: Path, names: list[str]) -> dict[str, list[str]]:
    import mindspore  # noqa: F401  (loads the libraries the Ascend library needs)

    libraries = _libraries()
    beside = [libraries.parent / f"libmindspore_{name}.so" for name in ("ops_host", "cpu")]
    for path in (folder / "libshmem.so", folder / "libhccl.so", *beside):
        ctypes.CDLL(str(path), os.RTLD_LAZY | os.RTLD_GLOBAL)
    ascend = ctypes.CDLL(str(libraries / "libmindspore_ops_ascend.so"), os.RTLD_LAZY | os.RTLD_GLOBAL)
    return {
        name: [kind for kind, has in (("aclnn", _has_aclnn), ("adapter", _has_adapter)) if has(ascend, name)]
        for name in names
    }


def _has_aclnn(ascend: ctypes.CDLL, name: str) -> bool:
    """`mindspore::kernel::IsRegisteredAclnnOp(name)`."""
    ask = ascend._ZN9mindspore6kernel19IsRegisteredAclnnOpERKSs
    ask.restype = ctypes.c_bool
    return ask(ctypes.byref(_text(name)))


def _has_adapter(ascend: ctypes.CDLL, name: str) -> bool:
    """Whether `GeAdapterManager::GetInstance().GetInfo(name, true)` is not null; asked in a child, which it may end."""
    instance = ascend._ZN9mindspore6device6ascend16GeAdapterManager11GetInstanceEv
    ask = ascend._ZN9mindspore6device6ascend16GeAdapterManager7GetInfoERKSsb
    instance.restype = ctypes.c_void_p
    child = os.fork()
    if child == 0:
        found = (ctypes.c_void_p * 2)()
        ask(ctypes.byref(found), ctypes.c_void_p(instance()), ctypes.byref(_text(name)), ctypes.c_bool(True))
        os._exit(1 if found[0] else 0)
    _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status), f"asking for {name} ended the child: {status}"
    return os.WEXITSTATUS(status) == 1


_kept: list[ctypes.Array[ctypes.c_char]] = []


def _text(name: str) -> ctypes.c_void_p:
    """A `std::string` of the old ABI: a pointer to characters that follow length, capacity and number of users."""
    data = name.encode()
    buffer = ctypes.create_string_buffer(struct.pack("<QQq", len(data), len(data), 1000) + data)
    _kept.append(buffer)
    return ctypes.c_void_p(ctypes.addressof(buffer) + 24)


if __name__ == "__main__":
    print(json.dumps(_ask(Path(sys.argv[1]), sys.argv[2:])), flush=True)
    os._exit(0)  # the library's own end needs CANN

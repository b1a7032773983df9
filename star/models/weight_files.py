"""Kinds of weight files, recognised by their first bytes: suffixes are shared (`.ckpt`) and changed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from zipfile import BadZipFile, ZipFile

WeightFile = Literal["safetensors", "npz", "mindspore", "pytorch"]

_ZIP = b"PK\x03\x04"
_PICKLE = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_PROTOBUF = b"\x0a"  # of MindSpore: the length and the content of the first value follow
_HEADER = 8  # bytes of the length before the JSON header of a safetensors file


def kind_of(path: Path) -> WeightFile | None:
    """What wrote a file; None where its first bytes are those of none of them.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_HEADER + 1)
    if start.startswith(_ZIP):
        return _kind_of_zip(path)
    if start[_HEADER:] == b"{":
        return "safetensors"
    if start.startswith(_PICKLE):
        return "pytorch"
    return "mindspore" if start.startswith(_PROTOBUF) else None


def _kind_of_zip(path: Path) -> WeightFile:
    """NumPy's archives hold `.npy` files, PyTorch's one `data.pkl`; of a cut one the suffix decides."""
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except BadZipFile:
        return "npz" if path.suffix.lower() == ".npz" else "pytorch"
    return "npz" if all(name.endswith(".npy") for name in names) else "pytorch"

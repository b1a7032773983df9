"""Packs of the first format, which are recognised and no longer read."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

from star.errors import DataError

_PLAN = b"star-pack/plan.json"
_NAME, _DATA = 30, 30 + len(_PLAN) + 12  # offsets of the first record's name and data
_LONGEST = 4096
_RESIZED = re.compile(r"frames stored at (\d+)x(\d+) (?:uncompressed|as JPEG of quality (\d+))")


def refuse_earlier(file: int, path: Path) -> None:
    """Do nothing with a file that does not begin like a pack of the first format.

    Args:
        file: descriptor, open for reading.
        path: of the file.

    Raises:
        DataError: it does; says the command that makes a new one.
    """
    start = os.pread(file, _DATA + _LONGEST, 0)
    if not start.startswith(_PLAN, _NAME):
        return
    try:
        plan, _ = json.JSONDecoder().raw_decode(start[_DATA:].decode(errors="replace"))
    except ValueError:
        plan = {}
    kind = plan.get("dataset", "hitsz_vcm")
    words = ["star-pack", f"dataset={kind}", *([] if kind == "synthetic" else ["dataset.root=ROOT"])]
    words += [f"pack.out={path}", *_storage(plan.get("storage", ""))]
    raise DataError(
        f"{path} is a pack of an earlier version, which is no longer read; delete it and make a new one, with the "
        f"dataset options it was packed with: {shlex.join(words)}"
    )


def _storage(text: str) -> list[str]:
    found = _RESIZED.fullmatch(text)
    if found is None:
        return []
    height, width, quality = found.groups()
    return [f"pack.size=[{height},{width}]", f"pack.quality={quality}" if quality else "pack.encoding=raw"]

"""The index of a pack: tables of its frames, tracklets and skeletons, and the views as JSON."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np

from star import __version__
from star.data.pack.archive import FORMAT, Record
from star.data.pack.contents import Contents
from star.data.pack.encoding import Storage
from star.data.skeletons import SHAPE

PLAN = "star-pack/plan.json"
"""The first record: what the pack is of. The writer continues a file only if this is its own plan."""

INDEX = "star-pack/index.json"
"""The last record: views, problems, and where the other parts of the index are."""

FRAMES = np.dtype(
    [
        *(("offset", "<u8"), ("size", "<u4"), ("crc32", "<u4"), ("height", "<u4"), ("width", "<u4")),
        *(("source", "<u2"), ("skeleton", "<i4")),
    ]
)
"""A frame in the index: its data, its height and width before it was packed, its source, the number of its skeleton
(-1: none). Frames that were left out have size 0."""


def make_plan(contents: Contents, storage: Storage, kind: str) -> dict[str, Any]:
    """What decides every byte of a pack but for the pixels."""
    return {
        "format": FORMAT,
        "dataset": kind,
        "frames": len(contents.frames),
        "contents_sha256": contents.sha256(),
        "storage": str(storage),
        "opencv": cv2.__version__ if storage.size else None,
    }


def encode_json(values: Mapping[str, Any]) -> bytes:
    """Equal values give equal bytes."""
    return json.dumps(values, indent=1, sort_keys=True).encode() + b"\n"


def encode_parts(contents: Contents, records: Mapping[int, Record], storage: Storage) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each part but the last.

    Args:
        contents: of the pack.
        records: of the frames, by their number; without those that were left out.
        storage: how they are stored.

    Raises:
        DataError: a skeleton cannot be read.
    """
    table = np.zeros(len(contents.frames), FRAMES)
    table["source"] = [frame.source for frame in contents.frames]
    for row, record in records.items():
        place = (record.offset, record.size, record.crc32)
        table[row] = (*place, *record.frame_size, contents.frames[row].source, -1)
    joints, table["skeleton"] = _skeletons(contents, records, storage)
    yield "frames.npy", _npy(table)
    yield "skeletons.npy", _npy(joints)
    yield "tracklets.npy", _npy(contents.tracklets)
    yield "rows.npy", _npy(contents.rows)
    yield "members.txt", "\n".join(storage.member(frame) for frame in contents.frames).encode()
    yield "keys.txt", "\n".join(frame.key for frame in contents.frames).encode()


def encode_index(
    contents: Contents,
    plan: Mapping[str, Any],
    storage: Storage,
    problems: Mapping[int, str],
    parts: Mapping[str, Record],
) -> bytes:
    """The last part, which names the others."""
    return encode_json(
        {
            "written_by": f"star-vvi-reid {__version__}",
            "plan": plan,
            "problems": problems,
            "views": [_stored_view(view, storage) for view in contents.views],
            "parts": {name: (record.offset, record.size, record.crc32) for name, record in parts.items()},
        }
    )


def _stored_view(view: dict[str, Any], storage: Storage) -> dict[str, Any]:
    """Resized frames are other data: their protocol and fingerprint say so."""
    if storage.size is None:
        return view
    fingerprint = hashlib.sha256(f"{view['fingerprint']} {storage} {cv2.__version__}".encode()).hexdigest()
    return view | {"protocol": f"{view['protocol']}, {storage}", "fingerprint": fingerprint}


def _skeletons(contents: Contents, records: Mapping[int, Record], storage: Storage) -> tuple[np.ndarray, np.ndarray]:
    """[m j 3] float32 joints in pixels of the packed frames, and [n] int32 their number for each frame or -1."""
    joints: list[np.ndarray] = []
    numbers = np.full(len(contents.frames), -1, np.int32)
    for row, frame in enumerate(contents.frames):
        found = frame.skeletons.read(frame.key) if frame.skeletons and row in records else None
        if found is None:
            continue
        if storage.size is not None:
            (height, width), (new_height, new_width) = records[row].frame_size, storage.size
            found = (found * np.array([new_width / width, new_height / height, 1])).astype(np.float32)
        numbers[row] = len(joints)
        joints.append(found)
    return (np.stack(joints) if joints else np.zeros((0, *SHAPE), np.float32)), numbers


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()

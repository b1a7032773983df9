"""Verification of a pack: every byte compared with its index."""

from __future__ import annotations

from collections.abc import Callable

from star.data.pack.archive import Location, Record, encode_directory, encode_record, record_start
from star.data.pack.index import INDEX, PLAN, encode_json
from star.data.pack.store import Pack

_REPORT_EVERY = 256


def verify_pack(pack: Pack, on_progress: Callable[[int, int], None] | None = None) -> list[str]:
    """Compare checksums, headers and directory; the index was compared when the pack was opened.

    Args:
        pack: the pack.
        on_progress: called with the frames done and their total, now and then.

    Returns:
        A message for each damaged place; it names the frame.
    """
    plan, _ = encode_record(PLAN, encode_json(pack.about["plan"]), 0)
    messages = [] if pack.read_bytes(0, len(plan)) == plan else [f"{pack.path}: its first record is damaged"]
    records = []
    for row in range(len(pack)):
        record = pack.record(row)
        if record is not None:
            records.append(record)
            data = pack.read_bytes(record.offset, record.size)
            expected, found = encode_record(record.name, data, record.start, record.frame_size)
            if found.crc32 != record.crc32:
                messages.append(f"frame {pack.name(row)} is damaged (checksum)")
            elif pack.read_bytes(record.start, len(expected)) != expected:
                messages.append(f"frame {pack.name(row)} is damaged in its header; its pixels are right")
        if on_progress and (row + 1 == len(pack) or (row + 1) % _REPORT_EVERY == 0):
            on_progress(row + 1, len(pack))
    if not _directory_is_right(pack, records):
        messages.append(f"{pack.path}: its directory is damaged, which only other tools read")
    return messages


def _directory_is_right(pack: Pack, frames: list[Record]) -> bool:
    plan = encode_record(PLAN, encode_json(pack.about["plan"]), 0)[1]
    places = [(f"star-pack/{name}", Location(*place)) for name, place in pack.about["parts"].items()]
    places = sorted([*places, (INDEX, pack.index)], key=lambda place: place[1].offset)
    parts = [Record(name, record_start(name, place.offset), *place, (0, 0)) for name, place in places]
    start = parts[-1].end
    directory = encode_directory([plan, *frames, *parts], parts[-1], start)
    return pack.read_bytes(start, pack.length - start) == directory

"""Verification of a pack: every byte compared with what its directory says."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from star.data.pack.archive import data_end, encode_directory, frame_size, make_record
from star.data.pack.reader import Pack

_REPORT_EVERY = 256


def verify_pack(pack: Pack, on_progress: Callable[[int, int], None] | None = None) -> list[str]:
    """Compare headers, checksums and the directory itself.

    Args:
        pack: the pack.
        on_progress: called with the files done and their total, now and then.

    Returns:
        A message for each damaged place; it names the file.
    """
    messages, records, start = [], [], 0
    found = pack.records()
    for number, given in enumerate(found, 1):
        record = make_record(given.filename, given.file_size, given.CRC, start, frame_size(given))
        records.append(record)
        header, end = record.FileHeader(), data_end(record)
        content = pack.read_bytes(start, end)
        if zlib.crc32(content[len(header) :]) != record.CRC:
            messages.append(f"{pack.path}/{record.filename} is damaged (checksum)")
        elif not content.startswith(header):
            messages.append(f"{pack.path}/{record.filename} is damaged in its header; its content is right")
        start = end
        if on_progress and (number == len(found) or number % _REPORT_EVERY == 0):
            on_progress(number, len(found))
    directory = encode_directory(records, start)
    if pack.read_bytes(start, start + len(directory) + 1) != directory:
        messages.append(f"{pack.path}: its directory is damaged, in what only other tools read")
    return messages

"""Packing: frames are appended to `<name>.partial`, which gets its own name when it is whole.

A run that was killed or had no disk space left is continued by the same call: records that are whole and belong to the
same plan are kept, after their checksums were compared. Order and bytes of the records do not depend on the number of
workers or on interruptions, so the finished file does not either.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2

from star.data.pack.archive import (
    SIGNATURE_LENGTH,
    Record,
    encode_directory,
    encode_record,
    is_archive,
    scan_records,
)
from star.data.pack.contents import Contents, View, collect
from star.data.pack.encoding import EncodedFrame, Storage, encode_frame
from star.data.pack.index import INDEX, PLAN, encode_index, encode_json, encode_parts, make_plan
from star.data.pack.partial import PartialFile
from star.data.pack.store import Pack
from star.errors import DataError

Progress = Callable[[int, int], None]

_AHEAD = 32
_REPORT_EVERY = 64


class PackSummary(NamedTuple):
    """What packing gave.

    Attributes:
        path: the pack.
        frames: in it.
        kept: of these, found in what an interrupted run had written, or in the finished pack.
        size: of the file, bytes.
        storage: how the frames are stored.
        problems: messages of the frames that were left out.
        sha256: of the index, which holds the checksums of all frames.
    """

    path: Path
    frames: int
    kept: int
    size: int
    storage: Storage
    problems: tuple[str, ...]
    sha256: str


def pack_dataset(
    views: Iterable[View],
    path: Path,
    *,
    kind: str,
    root: Path,
    storage: Storage,
    workers: int,
    skip_bad: bool,
    on_progress: Progress | None = None,
) -> PackSummary:
    """Pack all frames and skeletons of a data set into one file; a finished pack of the same contents is left alone.

    Args:
        views: of the data set, see `View`; the first one's splits say which skeletons belong to a frame.
        path: the pack.
        kind: of the data set, as in the configuration.
        root: of the data set; frames are named relative to it.
        storage: how frames are stored.
        workers: threads that read, decode and encode.
        skip_bad: leave out frames that cannot be decoded instead of stopping at the first.
        on_progress: called with the frames done and their total, now and then.

    Raises:
        DataError: a frame cannot be decoded, the disk is full, another process packs into this file, or the file is
            there and is something else; the same call continues where it stopped.
    """
    contents = collect(views, root)
    plan = make_plan(contents, storage, kind)
    if path.exists():
        return _finished(path, plan, storage)
    with PartialFile(path) as file:
        if path.exists():  # another process was quicker
            return _finished(path, plan, storage)
        writer = _Writer(file, contents, plan, storage, skip_bad)
        try:
            kept = writer.continue_partial()
            writer.write_frames(workers, on_progress)
            writer.write_index(str(root))
            file.publish()
        except OSError as error:
            raise DataError(
                f"pack {path} cannot be written: {error.strerror} (with {len(writer.records):,} of "
                f"{len(contents.frames):,} frames in {file.path.name}); make room and give the same command again, "
                "it continues there"
            ) from error
    return _finished(path, plan, storage)._replace(kept=kept)


def _finished(path: Path, plan: Mapping[str, Any], storage: Storage) -> PackSummary:
    pack = Pack(path)
    if differing := _differences(plan, pack.about["plan"]):
        raise DataError(f"{path} is there and is another pack ({differing}); give another pack.out, or delete it")
    problems = tuple(pack.about["problems"].values())
    frames = len(pack) - len(problems)
    return PackSummary(path, frames, frames, path.stat().st_size, storage, problems, pack.sha256)


def _differences(given: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    keys = [key for key in given if given[key] != found.get(key)]
    return "; ".join(f"{key}: given {given[key]}, there {found.get(key)}" for key in keys)


class _Writer:
    """Fills a partial file.

    Attributes:
        records: of the frames written, by number.
        problems: of the frames left out, by number.
    """

    def __init__(
        self, file: PartialFile, contents: Contents, plan: Mapping[str, Any], storage: Storage, skip_bad: bool
    ):
        self._file = file
        self._contents = contents
        self._plan = plan
        self._storage = storage
        self._skip_bad = skip_bad
        self._others: list[Record] = []
        self._next = 0
        self.records: dict[int, Record] = {}
        self.problems: dict[int, DataError] = {}

    def continue_partial(self) -> int:
        """Keep the whole records of an interrupted run; returns how many frames that are.

        Raises:
            DataError: the partial file is of another plan.
        """
        found = scan_records(self._file.descriptor)
        first, data = next(found, (None, b""))
        if first is None:
            if not is_archive(os.pread(self._file.descriptor, SIGNATURE_LENGTH, 0)):
                raise DataError(
                    f"{self._file.path} is not the beginning of a pack; delete it, or give another pack.out"
                )
            self._file.cut(0)
            self._others.append(self._append(PLAN, encode_json(self._plan)))
            return 0
        self._check_plan(first, data)
        self._others.append(first)
        end = first.end
        for record, _ in found:
            if not self._advance_to(record.name):
                break
            self.records[self._next] = record
            self._next += 1
            end = record.end
        self._file.cut(end)
        return len(self.records)

    def write_frames(self, workers: int, on_progress: Progress | None) -> None:
        """Append the frames that are missing, in order.

        Raises:
            DataError: a frame cannot be decoded and bad frames are not skipped, or none can.
        """
        total = len(self._contents.frames)
        for row, encoded in self._encoded(workers):
            if encoded.problem is not None:
                self._leave_out(row, encoded.problem)
            else:
                name = self._storage.member(self._contents.frames[row])
                self.records[row] = self._append(name, encoded.data, encoded.size)
            if on_progress and (row + 1 == total or (row + 1) % _REPORT_EVERY == 0):
                on_progress(row + 1, total)
        if not self.records:
            raise DataError(f"no frame can be packed; first: {self.problems[0]}")

    def write_index(self, root: str) -> None:
        """Append index and directory."""
        parts: dict[str, Record] = {}
        for name, data in encode_parts(self._contents, self.records, self._storage):
            parts[name] = self._append(f"star-pack/{name}", data)
        problems = {row: str(error).replace(f"{root}/", "") for row, error in self.problems.items()}
        index = self._append(INDEX, encode_index(self._contents, self._plan, self._storage, problems, parts))
        everything = [*self._others, *self.records.values(), *parts.values(), index]
        self._file.append(encode_directory(everything, index, self._file.end))

    def _append(self, name: str, data: bytes, frame_size: tuple[int, int] = (0, 0)) -> Record:
        encoded, record = encode_record(name, data, self._file.end, frame_size)
        self._file.append(encoded)
        return record

    def _check_plan(self, first: Record, data: bytes) -> None:
        try:
            found = json.loads(data) if first.name == PLAN else {}
        except ValueError:
            found = {}
        if differing := _differences(self._plan, found):
            raise DataError(
                f"{self._file.path} is the beginning of another pack ({differing}); give another pack.out, or delete it"
            )

    def _advance_to(self, name: str) -> bool:
        """Go to the frame of this name, over frames that are still as bad as when they were left out."""
        frames = self._contents.frames
        while self._next < len(frames):
            if self._storage.member(frames[self._next]) == name:
                return True
            encoded = encode_frame(frames[self._next], self._storage)
            if encoded.problem is None:
                return False
            self._leave_out(self._next, encoded.problem)
            self._next += 1
        return False

    def _leave_out(self, row: int, problem: DataError) -> None:
        if not self._skip_bad:
            raise DataError(
                f"{problem}; replace the file, or give dataset.on_bad_frame=skip to leave such frames out; the same "
                "command continues here"
            ) from problem
        self.problems[row] = problem

    def _encoded(self, workers: int) -> Iterator[tuple[int, EncodedFrame]]:
        """Encode the frames that are missing with `workers` threads and yield them in order."""
        cv2.setNumThreads(0)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="star-pack")
        waiting: deque[tuple[int, Future[EncodedFrame]]] = deque()
        try:
            for row in range(self._next, len(self._contents.frames)):
                waiting.append((row, pool.submit(encode_frame, self._contents.frames[row], self._storage)))
                if len(waiting) > _AHEAD * workers:
                    number, future = waiting.popleft()
                    yield number, future.result()
            while waiting:
                number, future = waiting.popleft()
                yield number, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

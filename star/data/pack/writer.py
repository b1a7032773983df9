"""Packing: records are appended to `<name>.partial`, which gets its own name when it is whole.

A run that was killed or had no disk space left is continued by the same call: whole records of frames are kept, after
their checksums were compared. Order and bytes of the records do not depend on the number of workers or on
interruptions, so the finished file does not either. Frames whose files were changed after the interruption are compared
with their records, and packed again from the first that differs.
"""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from zipfile import ZipInfo

import cv2

from star.data.pack.archive import data_end, encode_directory, frame_size, make_record, read_record
from star.data.pack.contents import Contents, Frame
from star.data.pack.encoding import EncodedFrame, Storage, encode_frame, read_joints
from star.data.pack.packed_skeletons import encode_skeletons
from star.data.pack.partial import PartialFile
from star.data.pack.reader import ABOUT, FORMAT, PROBLEMS, SKELETONS, Pack
from star.errors import DataError

Progress = Callable[[int, int], None]

_log = logging.getLogger(__name__)
_CHUNK = 512
_REPORT_EVERY = 64


def pack_dataset(
    contents: Contents,
    path: Path,
    *,
    storage: Storage,
    workers: int,
    skip_bad: bool,
    on_progress: Progress | None = None,
) -> int:
    """Pack index, frames and skeletons of a data set into one file; a finished pack of the same contents is left alone.

    Args:
        contents: of the pack.
        path: of the pack.
        storage: how frames are stored.
        workers: threads that read, decode and encode.
        skip_bad: keep what there is of frames that cannot be decoded, instead of stopping at the first.
        on_progress: called with the frames done and their total, now and then.

    Returns:
        How many frames were found done.

    Raises:
        DataError: a frame cannot be decoded, the disk is full, another process packs into this file, or the file is
            there and is something else, or was made without frames that this call would pack; the same call continues
            where it stopped.
    """
    writer = _Writer(contents, storage, skip_bad)
    if path.exists():
        return writer.check_finished(path)
    with PartialFile(path) as file:
        if path.exists():  # another process was quicker
            file.drop_if_empty()
            return writer.check_finished(path)
        try:
            kept = writer.continue_file(file)
            writer.write_frames(file, workers, on_progress)
            writer.write_rest(file)
            file.publish()
        except OSError as error:
            raise DataError(
                f"pack {path} cannot be written: {error.strerror} (with {writer.frames:,} of "
                f"{len(contents.frames):,} frames in {file.path.name}); make room and give the same command again, "
                "it continues there"
            ) from error
    return kept


class _Writer:
    def __init__(self, contents: Contents, storage: Storage, skip_bad: bool):
        self._contents = contents
        self._storage = storage
        self._skip_bad = skip_bad
        resized = [[str(storage), cv2.__version__]] if storage.size else []
        self._about = {"format": FORMAT, **contents.about, "resized": contents.about["resized"] + resized}
        self._records: list[ZipInfo] = []
        self._problems: list[DataError] = []

    @property
    def frames(self) -> int:
        """How many are written."""
        return max(0, len(self._records) - 1)

    def check_finished(self, path: Path) -> int:
        """Refuse a file of other contents or without frames that this call would pack; returns how many it has."""
        try:
            pack = Pack(path)
        except DataError as error:
            raise DataError(f"{error} (the file is there already: give another pack.out, or delete it)") from error
        found = pack.about
        differing = [f"{k}: given {v}, there {found.get(k)}" for k, v in self._about.items() if v != found.get(k)]
        if differing:
            raise DataError(
                f"{path} is there and is another pack ({'; '.join(differing)}); give another pack.out, or delete it"
            )
        problems = pack.problems
        if problems and not self._skip_bad:
            raise DataError(
                f"{path} is there and was made without {len(problems):,} frames that could not be decoded, first: "
                f"{problems[0]}; delete it, and the same command packs them if they are repaired, or give "
                "dataset.on_bad_frame=skip to leave it as it is"
            )
        if problems and (repaired := self._repaired(pack)):
            raise DataError(
                f"{path} is there and was made without {len(repaired):,} frames that can be decoded now, first "
                f"{repaired[0]}; delete it, and the same command packs them"
            )
        return len(self._contents.frames)

    def _repaired(self, pack: Pack) -> list[str]:
        """Names of the frames that could not be decoded when the pack was made, and can be now."""
        records = zip(self._contents.frames, pack.records()[1:], strict=False)
        bad = [frame for frame, record in records if frame_size(record) == (0, 0)]
        return [frame.name for frame in bad if encode_frame(frame, self._storage).problem is None]

    def continue_file(self, file: PartialFile) -> int:
        """Keep the frames that are whole of what an interrupted run has written; returns how many.

        Raises:
            DataError: the file is of other contents.
        """
        about = json.dumps(self._about, indent=1, sort_keys=True).encode()
        first = make_record(ABOUT, len(about), zlib.crc32(about), 0)
        stopped = os.fstat(file.descriptor).st_mtime
        expected = first.FileHeader() + about
        found = os.pread(file.descriptor, len(expected), 0)
        if not expected.startswith(found):
            raise DataError(
                f"{file.path} is the beginning of another pack, or something else; delete it, or give another pack.out"
            )
        if found != expected:
            file.cut(0)
            file.append(expected)
        self._records.append(first)
        for frame in self._contents.frames:
            whole = read_record(file.descriptor, frame.name, data_end(self._records[-1]))
            if whole is None:
                break
            record, data = whole
            bad = frame_size(record) == (0, 0)
            if bad or _is_newer(frame, stopped):
                encoded = encode_frame(frame, self._storage)
                if bad == (encoded.problem is None) or encoded.data != data:
                    _log.warning("frame %s has changed since it was packed; packing goes on there", frame.name)
                    break
                if encoded.problem is not None:
                    self._pass_over(encoded.problem)
            self._records.append(record)
        file.cut(data_end(self._records[-1]))
        return self.frames

    def write_frames(self, file: PartialFile, workers: int, on_progress: Progress | None) -> None:
        """Append the frames that are missing, in order.

        Raises:
            DataError: a frame cannot be decoded and bad frames are not skipped, or none can.
        """
        total = len(self._contents.frames)
        for encoded in self._encoded(workers):
            if encoded.problem is not None:
                self._pass_over(encoded.problem)
            self._append(file, self._contents.frames[self.frames].name, encoded.data, encoded.size)
            if on_progress and (self.frames == total or self.frames % _REPORT_EVERY == 0):
                on_progress(self.frames, total)
        if len(self._problems) == total:
            raise DataError(f"no frame can be packed; first: {self._problems[0]}")

    def write_rest(self, file: PartialFile) -> None:
        """Append index files, skeletons, problems and the directory."""
        frames, rest = self._contents.frames, dict(self._contents.index)
        if self._about["skeletons"]:
            sizes = map(frame_size, self._records[1:])
            joints = [read_joints(frame, size, self._storage) for frame, size in zip(frames, sizes, strict=True)]
            rest[SKELETONS] = encode_skeletons(joints)
        if self._problems:
            lines = "\n".join(map(str, self._problems))
            rest[PROBLEMS] = lines.replace(f"{self._contents.root}/", "").encode()
        for name, data in rest.items():
            self._append(file, name, data)
        file.append(encode_directory(self._records, file.end))

    def _append(self, file: PartialFile, name: str, data: bytes, size: tuple[int, int] = (0, 0)) -> None:
        record = make_record(name, len(data), zlib.crc32(data), file.end, size)
        file.append(record.FileHeader(zip64=False) + data)
        self._records.append(record)

    def _pass_over(self, problem: DataError) -> None:
        if not self._skip_bad:
            raise DataError(
                f"{problem}; replace the file, or give dataset.on_bad_frame=skip to pass over such frames; the same "
                "command continues here"
            ) from problem
        self._problems.append(problem)

    def _encoded(self, workers: int) -> Iterator[EncodedFrame]:
        """The frames that are missing, in order."""
        cv2.setNumThreads(0)
        with ThreadPoolExecutor(workers, thread_name_prefix="star-pack") as pool:
            for start in range(self.frames, len(self._contents.frames), _CHUNK):
                chunk = self._contents.frames[start : start + _CHUNK]
                yield from pool.map(partial(encode_frame, storage=self._storage), chunk)


def _is_newer(frame: Frame, time: float) -> bool:
    """Whether the file of a frame was written or exchanged at a time or later; false of frames of a pack."""
    try:
        return os.stat(frame.source.name(frame.key)).st_ctime >= time
    except OSError:
        return False

"""The generated data set on disk, written once as HITSZ-VCM folders with skeleton files, and found again."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from star.data.skeleton_stores import HDF5_FILES, SkeletonWriter, index_sha256
from star.errors import DataError
from star.synthetic.camera import Camera, draw_cameras
from star.synthetic.levels import VERSION, Levels, fingerprint, parse_levels
from star.synthetic.tracklet import Passage, record

_FOLDERS = {"train": "Train", "test": "Test"}
_UNFINISHED = ".unfinished-"
_ABANDONED_SECONDS = 3600.0


class _Joints(NamedTuple):
    """What a worker hands back of one walk: its number in the list of walks, and the estimator's joints."""

    number: int
    joints: np.ndarray
    present: np.ndarray


def generate(
    parent: Path, *, seed: int, workers: int = 2, progress: Callable[[int, int], None] | None = None, **levels: Any
) -> Path:
    """Generates the data set these levels describe, unless it is there already.

    A set is written under another name and renamed when it is whole: a killed generation is never taken for a set, and
    two processes that generate the same set at once do not disturb each other.

    Args:
        parent: folder of the generated sets.
        seed: of every draw; the same seed and levels give the same bytes, whatever the number of workers.
        workers: processes; 1 stays in this one. More of them must be able to import the main module, as usual.
        progress: called with the number of frames done and of all frames.
        **levels: one keyword for each field of `star.synthetic.levels.Levels`.

    Returns:
        `<parent>/<first 16 digits of the fingerprint>`, which `read_hitsz_vcm` reads.

    Raises:
        ConfigError: levels that are unknown, missing or impossible, all in one error.
        DataError: the folder cannot be written, or a worker died.
    """
    parsed, seed = parse_levels({**levels, "seed": seed})
    digest = fingerprint(parsed, seed)
    parent = Path(parent)
    folder = parent / digest[:16]
    if folder.is_dir():
        return folder
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent)
        partial = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=parent))
    except OSError as error:
        advice = "give another folder as dataset.root"
        raise DataError(f"generated data cannot be written to {parent} ({error.strerror}): {advice}") from error
    try:
        _write(partial, parsed, seed, max(1, workers), progress)
        about = {"generator": "star.synthetic", "version": VERSION, "fingerprint": digest, "seed": seed}
        (partial / "about.json").write_text(json.dumps(about | {"levels": asdict(parsed)}, indent=1) + "\n")
        partial.chmod(0o755)
        _publish(partial, folder)
    except OSError as error:
        raise DataError(f"generating into {parent} failed ({error}): is the disk full?") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _publish(partial: Path, folder: Path) -> None:
    """Gives the finished set its name; another process may have been quicker with the same bytes."""
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _remove_abandoned(parent: Path) -> None:
    """Removes what killed generations left behind."""
    for path in parent.glob(f"{_UNFINISHED}*"):
        newest = max((p.stat().st_mtime for p in (path, *path.glob("*")) if p.exists()), default=0.0)
        if time.time() - newest > _ABANDONED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def list_passages(levels: Levels, seed: int) -> list[Passage]:
    """All walks in the order of the index files: by identity, infrared first, by camera, by tracklet."""
    cameras = sorted(draw_cameras(levels, seed), key=lambda camera: (camera.modality, camera.number))
    identities = {
        "train": range(1, levels.train_identities + 1),
        "test": range(levels.train_identities + 1, levels.train_identities + levels.test_identities + 1),
    }
    passages = []
    for split, numbers in identities.items():
        for identity in numbers:
            for camera in cameras:
                rng = np.random.default_rng((seed, 7, identity, camera.number))
                lengths = rng.integers(levels.frames[0], levels.frames[1] + 1, levels.tracklets)
                firsts = 1 + np.cumsum(lengths) - lengths
                for tracklet, (first, length) in enumerate(zip(firsts, lengths, strict=True), start=1):
                    passages.append(Passage(split, identity, camera, tracklet, int(first), int(length)))
    return passages


def _write(folder: Path, levels: Levels, seed: int, workers: int, progress: Callable[[int, int], None] | None) -> None:
    passages = list_passages(levels, seed)
    total, done = sum(passage.frames for passage in passages), 0
    waiting: dict[int, _Joints] = {}
    following = 0
    with ExitStack() as stack:
        writers = {split: stack.enter_context(_open_writer(folder, split, passages)) for split in _FOLDERS}
        for result in _record_all(folder, levels, seed, passages, min(workers, len(passages))):
            waiting[result.number] = result
            while following in waiting:
                passage = passages[following]
                _, joints, present = waiting.pop(following)
                for key, frame_joints, found in zip(_keys(passage), joints, present, strict=True):
                    if found:
                        writers[passage.split].write(key, frame_joints)
                following += 1
            done += passages[result.number].frames
            if progress is not None:
                progress(done, total)
    _write_index(folder / "info", passages)


def _open_writer(folder: Path, split: str, passages: list[Passage]) -> SkeletonWriter:
    names = [name for passage in passages if passage.split == split for name in _frame_names(passage)]
    path = folder / HDF5_FILES[split]
    return SkeletonWriter(path, estimator="synthetic", version=str(VERSION), index_sha256=index_sha256(names))


def _record_all(folder: Path, levels: Levels, seed: int, passages: list[Passage], workers: int) -> Iterator[_Joints]:
    """Films all walks with `workers` processes and yields their joints as they come."""
    if workers == 1:
        for number, passage in enumerate(passages):
            yield _record_one(folder, levels, seed, number, passage)
        return
    context = multiprocessing.get_context("spawn")
    processes, open_ends = [], []
    try:
        for worker in range(workers):
            here, there = context.Pipe(duplex=False)
            arguments = (there, folder, levels, seed, passages, worker, workers)
            process = context.Process(target=_work, args=arguments, daemon=True)
            process.start()
            there.close()
            processes.append(process)
            open_ends.append(here)
        left = len(passages)
        while open_ends:
            for end in wait(open_ends):
                assert isinstance(end, Connection)
                try:
                    result = end.recv()
                except EOFError:
                    open_ends.remove(end)
                    continue
                if isinstance(result, OSError):
                    raise result
                left -= 1
                yield result
        if left:
            raise DataError(f"a process that generates frames died ({left} tracklets are missing): run it again")
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _work(
    channel: Connection, folder: Path, levels: Levels, seed: int, passages: list[Passage], worker: int, workers: int
) -> None:
    """One process: every `workers`-th walk. Ends quietly when the process that started it is gone."""
    cv2.setNumThreads(1)
    try:
        for number in range(worker, len(passages), workers):
            try:
                result: _Joints | OSError = _record_one(folder, levels, seed, number, passages[number])
            except OSError as error:
                channel.send(error)
                return
            channel.send(result)
    except (BrokenPipeError, KeyboardInterrupt):
        return


def _record_one(folder: Path, levels: Levels, seed: int, number: int, passage: Passage) -> _Joints:
    recording = record(levels, seed, passage)
    camera = passage.camera
    keys = _keys(passage)
    base = folder / _FOLDERS[passage.split]
    (base / keys[0]).parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, camera.quality]
    for key, frame in zip(keys, recording.frames, strict=True):
        picture = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR if frame.shape[-1] == 3 else cv2.COLOR_GRAY2BGR)
        _, encoded = cv2.imencode(".jpg", picture, options)
        with open(os.path.join(base, key + ".jpg"), "wb") as file:
            file.write(encoded.data)
    return _Joints(number, recording.joints, recording.present)


def _keys(passage: Passage) -> list[str]:
    modality = "rgb" if passage.camera.modality == "visible" else "ir"
    place = f"{passage.identity:04d}/{modality}/D{passage.camera.number}"
    return [f"{place}/{passage.first + t}" for t in range(passage.frames)]


def _frame_names(passage: Passage) -> list[str]:
    modality = _modality_number(passage.camera)
    stem = f"{passage.identity:04d}M{modality}D{passage.camera.number}T{passage.tracklet}F"
    return [f"{stem}{passage.first + t}.jpg" for t in range(passage.frames)]


def _modality_number(camera: Camera) -> int:
    return 1 if camera.modality == "infrared" else 2


def _write_index(folder: Path, passages: list[Passage]) -> None:
    """The five index files of HITSZ-VCM."""
    folder.mkdir()
    for split in _FOLDERS:
        names, tracks, queries = [], [], []
        for passage in (p for p in passages if p.split == split):
            modality = _modality_number(passage.camera)
            first = len(names) + 1
            names += _frame_names(passage)
            tracks.append(f"{modality} {first} {len(names)} {passage.identity} {passage.camera.number}")
            if modality == 1:
                queries.append(str(len(tracks)))
        (folder / f"{split}_name.txt").write_text("\n".join(names) + "\n")
        (folder / f"track_{split}_info.txt").write_text("\n".join(tracks) + "\n")
        if split == "test":
            (folder / "query_IDX.txt").write_text(" ".join(queries) + "\n")

"""Making the skeleton files of a data set: every frame of every split through one estimator.

A run that was stopped is continued by the same one: joints are kept as they are found (`star.pose.partial_files`) and
become the two skeleton files when all are there. A finished file counts as joints found, so a frame that could not
be decoded is all that is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.data.skeleton_stores import HDF5_FILES, SHAPE, Hdf5Skeletons, SkeletonWriter, index_sha256
from star.errors import DataError
from star.pose.frame_list import FrameList
from star.pose.partial_files import Parts, clear_errors, differences, locked
from star.pose.recipe import Recipe, version_of
from star.pose.workers import Job, estimate_frames

_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the frames done, those of earlier runs included, and their total."""


class Extraction(NamedTuple):
    """What an extraction gave.

    Attributes:
        files: the skeleton files, by split.
        frames: in the index.
        estimated: frames with a skeleton that this run estimated.
        kept: frames with a skeleton that earlier runs had left.
        failures: messages of the frames that could not be decoded; they have no entry.
    """

    files: dict[str, Path]
    frames: int
    estimated: int
    kept: int
    failures: tuple[str, ...]


class _Split(NamedTuple):
    name: str
    keys: list[str]
    listed: FrameList
    path: Path


def extract_skeletons(
    frames: Mapping[str, FrameList],
    out: Path | str,
    recipe: Recipe,
    *,
    workers: int = 1,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> Extraction:
    """Estimate the joints of every frame and write `dataset-train.h5` and `dataset-test.h5`.

    Args:
        frames: of "train" and "test".
        out: folder of the two files; made if needed.
        recipe: of the estimator.
        workers: processes.
        overwrite: replace skeletons in `out` that were made with another estimator or from other frames.
        on_progress: called before the first frame and then a few times a second.

    Raises:
        DataError: `out` holds other skeletons or cannot be written, or no frame of a split can be decoded.
        StarError: the estimator cannot be loaded or fails, or a worker process died.
    """
    out = Path(out)
    identity = recipe.identity()
    version = version_of(identity)
    splits = [_Split(s, list(dict.fromkeys(f.keys)), f, out / HDF5_FILES[s]) for s, f in frames.items()]
    with locked(out):
        _remove_unfinished_files(out)
        finished = [_read_finished(split, identity["estimator"], version, overwrite) for split in splits]
        making = identity | {f"{s.name} name list": f"{s.listed.index_sha256}, {_hash(s.keys)}" for s in splits}
        parts = Parts(out, making, overwrite=overwrite)
        kept = _merged(parts.read([len(s.keys) for s in splits]), finished)
        missing = [~there for _, there in kept]
        jobs = [Job(n, int(row), s.keys[row]) for n, s in enumerate(splits) for row in np.flatnonzero(missing[n])]
        total = sum(len(s.keys) for s in splits)
        failures: list[str] = []
        if jobs:
            failures = _estimate(recipe, splits, jobs, parts, workers, total, on_progress)
        joints = _merged(parts.read([len(s.keys) for s in splits]), finished)
        for split, (_, there) in zip(splits, joints, strict=True):
            if not there.any():
                first = failures[0] if failures else "it names none"
                raise DataError(f"no frame of the split {split.name} can be decoded; first: {first}")
        for split, old, (found, there) in zip(splits, finished, joints, strict=True):
            if old is None or (there & ~old[1]).any():
                _write(split, identity["estimator"], version, found, there)
        parts.remove()
    done = sum(int(there.sum()) for _, there in joints)
    before = sum(int(there.sum()) for _, there in kept)
    return Extraction({s.name: s.path for s in splits}, total, done - before, before, tuple(failures))


def _estimate(
    recipe: Recipe,
    splits: list[_Split],
    jobs: list[Job],
    parts: Parts,
    workers: int,
    total: int,
    on_progress: Progress | None,
) -> list[str]:
    done = total - len(jobs)
    if done:
        _log.info("continuing: %s of %s frames are done", f"{done:,}", f"{total:,}")

    def advance(frames: int) -> None:
        nonlocal done
        done += frames
        if on_progress:
            on_progress(done, total)

    advance(0)
    try:
        files = parts.new_files(min(workers, len(jobs)))
        return estimate_frames(recipe, [s.listed.frames for s in splits], jobs, files, advance)
    except BaseException:
        kept = sum(int(there.sum()) for _, there in parts.read([len(s.keys) for s in splits]))
        if not kept:
            parts.remove()  # or the folder would be kept for this estimator, of which nothing was made
            raise
        _log.warning("stopped: the skeletons of %s frames are kept; the same command continues", f"{kept:,}")
        raise


def _read_finished(
    split: _Split, estimator: str, version: str, overwrite: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """([n j 3] joints, [n] whether they are there) of a finished file; None if there is none."""
    if not split.path.is_file():
        return None
    try:
        store = Hdf5Skeletons(split.path)
    except DataError:
        if overwrite:
            return None
        raise
    wanted = {"estimator": estimator, "version": version, "index_sha256": split.listed.index_sha256}
    given = {name: store.attributes[name] for name in wanted if name in store.attributes}
    if given != wanted:
        if overwrite:
            return None
        raise DataError(
            f"{split.path} holds skeletons made with something else: {differences(given, wanted)} (the version stands "
            "for the model file and its options). Give another folder as out=, or overwrite=true to replace them"
        )
    stored = [store.read(key) for key in split.keys]
    there = np.array([joints is not None for joints in stored])
    nothing = np.zeros(SHAPE, np.float32)
    return np.stack([nothing if joints is None else joints for joints in stored]), there


def _merged(
    parts: list[tuple[np.ndarray, np.ndarray]], finished: list[tuple[np.ndarray, np.ndarray] | None]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Joints of the finished file where the parts have none."""
    for (joints, there), old in zip(parts, finished, strict=True):
        if old is not None:
            fill = old[1] & ~there
            joints[fill] = old[0][fill]
            there |= fill
    return parts


def _write(split: _Split, estimator: str, version: str, joints: np.ndarray, there: np.ndarray) -> None:
    _log.info("writing %s", split.path)
    sha = split.listed.index_sha256
    with (
        clear_errors(split.path),
        SkeletonWriter(split.path, estimator=estimator, version=version, index_sha256=sha) as writer,
    ):
        for row in np.flatnonzero(there):
            writer.write(split.keys[row], joints[row])


def _remove_unfinished_files(out: Path) -> None:
    """What a writer that was killed has left."""
    for path in out.glob(".dataset-*.h5.*.partial"):
        path.unlink(missing_ok=True)


def _hash(keys: list[str]) -> str:
    return index_sha256(keys)[:12]

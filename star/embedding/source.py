"""What `star-embed` embeds: a split of a data set, a folder of tracklets or a video with its tracks. No MindSpore."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from omegaconf import OmegaConf

from star.config.constraints import RULES, broken_rules
from star.config.embed_command import EmbedConfig, start_seconds
from star.config.schema import Dataset
from star.config.validate import nearest, validate
from star.engine.progress import counting
from star.engine.read_data import read_dataset
from star.errors import ConfigError, DataError, Problem
from star.footage.cutting import Cutting, cut_tracks, is_whole
from star.footage.track_file import TrackFile, read_track_file
from star.footage.tracklet_folder import read_tracklets, tracklet_name
from star.search.filters import UTC
from star.search.unfinished import Unfinished
from star.types import Split, Tracklet
from star.words import counted, tracklets

_CUTTING = "cutting.json"
_TRACKLETS = "tracklets"
_ENDS = 1 << 20
"""Bytes at the beginning and at the end of a video that tell it from others of its name and size."""


class _OnlyDataset(NamedTuple):
    dataset: Dataset


class Source(NamedTuple):
    """Tracklets to embed, and what is known of each.

    Attributes:
        split: the tracklets; its skeletons are those of the data set.
        names: of the tracklets.
        cameras: their names, empty where unknown.
        frames: of each tracklet.
        clock: what the times count from; empty without times.
        times: [n 2] float64, start and end in seconds.
        report: lines on what was found, left out and cut.
    """

    split: Split
    names: Sequence[str]
    cameras: Sequence[str]
    frames: Sequence[int]
    clock: str
    times: np.ndarray
    report: tuple[str, ...]


def dataset_of(config: EmbedConfig, of_model: Mapping[str, Any], overrides: Sequence[str]) -> Dataset:
    """The data set of `split`: the one that is named, else the model's own with the overrides.

    Args:
        config: of the command.
        of_model: keys under `dataset` of the run's configuration.
        overrides: `dataset.KEY=VALUE`.

    Raises:
        ConfigError: an override does not fit.
    """
    if config.dataset is not None:
        return config.dataset
    problems: list[Problem] = []
    values = OmegaConf.create({"dataset": dict(of_model)})
    for text in overrides:
        key, _, value = text.partition("=")
        OmegaConf.update(values, key, OmegaConf.from_dotlist([f"v={value}"]).v)
    stored: Any = OmegaConf.to_container(values)
    dataset = validate(stored["dataset"], Dataset, problems, "dataset")
    problems += broken_rules(_OnlyDataset(dataset), problems, RULES)
    if problems:
        raise ConfigError(problems)
    return dataset


def split_source(dataset: Dataset, name: str, workers: int) -> tuple[Source, str]:
    """A split of a data set, and a hash of what it is read from.

    Raises:
        ConfigError: the data set has no such split.
        DataError: it cannot be read.
    """
    data = read_dataset(dataset, workers=workers)
    splits = {split.name: split for split in data.splits}
    if name not in splits:
        raise ConfigError([Problem("split", name, f"a split of {data.name}{nearest(name, splits)}")])
    split = splits[name]
    names = [_name_in_dataset(tracklet) for tracklet in split.tracklets]
    cameras = [str(tracklet.camera) for tracklet in split.tracklets]
    report = (f"{data.name}, {name}: {tracklets(len(names))}", *data.notes)
    return _without_times(split, names, cameras, report), data.fingerprint


def folder_source(config: EmbedConfig) -> tuple[Source, str]:
    """A folder of tracklets, and a hash of the names, sizes and times of its frames.

    Raises:
        DataError: it has none, or cannot be read.
    """
    folder = Path(str(config.tracklets)).expanduser()
    assert config.modality is not None
    split = read_tracklets(folder, config.modality)
    names = [tracklet_name(tracklet) for tracklet in split.tracklets]
    digest = hashlib.sha256()
    for tracklet in split.tracklets:
        for key in tracklet.frames:
            digest.update(os.fsencode(f"{key}\n{_state(folder / key)}\n"))
    report = (f"{folder}: {tracklets(len(names))}, {counted(sum(len(t.frames) for t in split.tracklets), 'frame')}",)
    cameras = [_camera(config)] * len(names)
    return _without_times(split, names, cameras, report), f"{folder.resolve()} {digest.hexdigest()}"


def read_tracks(config: EmbedConfig) -> tuple[TrackFile, str]:
    """The track file of the video, and what tells both files from others.

    Raises:
        DataError: see `read_track_file`; the video cannot be read.
    """
    tracks, video = Path(str(config.tracks)).expanduser(), Path(str(config.video)).expanduser()
    read = read_track_file(tracks, first_frame=config.first_frame, min_confidence=config.min_confidence)
    digest = hashlib.sha256(tracks.read_bytes()).hexdigest()
    options = f"first_frame={config.first_frame} min_confidence={config.min_confidence}"
    return read, f"{video.resolve()} {_state(video)} {_clock(video)} {digest} {options}"


def video_source(config: EmbedConfig, tracks: TrackFile, frames: int | None, unfinished: Unfinished) -> Source:
    """The tracks of a video, cut into a folder of the unfinished file.

    Args:
        config: of the command.
        tracks: of the video.
        frames: of a clip; None cuts every frame of a track.
        unfinished: where the frames go, and where a cutting that was finished is found again.

    Raises:
        DataError: the video cannot be read or no track is in it, or the frames cannot be written.
    """
    assert config.modality is not None
    video, folder = Path(str(config.video)).expanduser(), unfinished.folder / _TRACKLETS
    cutting = Cutting.from_json(unfinished.read_json(_CUTTING))
    if cutting is None or not is_whole(cutting, folder, frames):
        with counting("cutting tracks", "frames") as show:
            cutting = cut_tracks(video, tracks, folder, frames=frames, on_progress=show)
        unfinished.write_json(_CUTTING, cutting)
    if not cutting.tracks:
        raise DataError(f"no track of {tracks.path} has a frame of {video} that can be read")
    split = read_tracklets(folder, config.modality)
    by_track = {int(tracklet_name(tracklet)): tracklet for tracklet in split.tracklets}
    split = Split(video.stem, split.frames, tuple(by_track[cut.number] for cut in cutting.tracks))
    rate = config.frame_rate or cutting.rate
    start = start_seconds(config.start)
    times = np.full((len(cutting.tracks), 2), np.nan)
    if rate is not None:
        times[:] = [((start or 0) + cut.first / rate, (start or 0) + (cut.last + 1) / rate) for cut in cutting.tracks]
    return Source(
        split=split,
        names=[f"{video.stem}/{cut.number}" for cut in cutting.tracks],
        cameras=[_camera(config)] * len(cutting.tracks),
        frames=[cut.boxes for cut in cutting.tracks],
        clock="" if rate is None else UTC if start is not None else _clock(video),
        times=times,
        report=_video_report(video, tracks, cutting, rate),
    )


def _clock(video: Path) -> str:
    """The clock of a video that does not say when it begins: one for copies that keep its name, another for others."""
    try:
        with video.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.sha256(f"{size}\n".encode() + file.read(_ENDS))
            file.seek(max(0, size - _ENDS))
            digest.update(file.read(_ENDS))
    except OSError as error:
        raise DataError(f"video {video} cannot be read: {error.strerror}") from error
    return f"video {video.name} {digest.hexdigest()[:12]}"


def _state(path: Path) -> str:
    """Size and time of a file, which change with its content; a frame that is gone is found out when it is read."""
    try:
        state = path.stat()
    except OSError as error:
        return str(error.strerror)
    return f"{state.st_size} {state.st_mtime_ns}"


def _video_report(video: Path, tracks: TrackFile, cutting: Cutting, rate: float | None) -> tuple[str, ...]:
    left_out = {
        "of less confidence": tracks.unsure,
        "without area": cutting.empty,
        "outside the image": cutting.outside,
        "in frames that cannot be read": cutting.beyond,
    }
    found = counted(tracks.boxes + tracks.unsure, "box", "boxes")
    boxes = f"{tracks.path}: {found} of {counted(len(tracks.tracks), 'track')}"
    if told := ", ".join(f"{count:,} {what}" for what, count in left_out.items() if count):
        boxes += f"; left out: {told}"
    if cutting.cut:
        boxes += f"; {cutting.cut:,} cut at the image's border"
    bad = f", {counted(cutting.bad_frames, 'frame')} cannot be decoded" if cutting.bad_frames else ""
    lines = [f"{video}: read up to frame {cutting.frames:,}{bad}", boxes]
    if cutting.lost:
        shown = ", ".join(map(str, cutting.lost[:10])) + (", ..." if len(cutting.lost) > 10 else "")
        lines.append(f"{counted(len(cutting.lost), 'track')} without a frame and a feature: {shown}")
    if rate is None:
        lines.append("the video does not state its frame rate: tracklets have no times (frame_rate=NUMBER gives them)")
    return (*lines, *cutting.notes)


def _without_times(split: Split, names: Sequence[str], cameras: Sequence[str], report: tuple[str, ...]) -> Source:
    frames = [len(tracklet.frames) for tracklet in split.tracklets]
    return Source(split, names, cameras, frames, "", np.full((len(names), 2), np.nan), report)


def _name_in_dataset(tracklet: Tracklet) -> str:
    folder, _, first = tracklet.frames[0].rpartition("/")
    return f"{folder}/{first}-{tracklet.frames[-1].rpartition('/')[2]}"


def _camera(config: EmbedConfig) -> str:
    return "" if config.camera is None else str(config.camera)

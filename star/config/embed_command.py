"""Schema of the configuration of `star-embed`, conf/embed.yaml, conf/dataset and conf/pose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, NamedTuple

from star.config.commands import Command, read_command
from star.config.constraints import Rule
from star.config.schema import Dataset, number
from star.config.skeletons_command import HeatmapPose, MoveNetPose, RtmPosePose, pose_model_rules

SUFFIXES = (".npz", ".parquet")
_OF_RUN = "dataset."


@dataclass(frozen=True, kw_only=True)
class EmbedConfig:
    """conf/embed.yaml."""

    model: str | None
    checkpoint: Literal["last", "best"]
    out: str | None
    type: Literal["float32", "float16"]
    batch: int = number(minimum=1, maximum=4096)
    workers: int = number(minimum=1)
    strips: int = number(minimum=0, maximum=16)
    overwrite: bool
    split: str | None
    tracklets: str | None
    video: str | None
    tracks: str | None
    first_frame: int = number(minimum=0)
    min_confidence: float | None = number()
    frame_rate: float | None = number(above=0)
    modality: Literal["visible", "infrared"] | None
    camera: str | int | None
    start: str | None
    dataset: Dataset | None
    pose: MoveNetPose | RtmPosePose | HeatmapPose | None


class EmbedJob(NamedTuple):
    """What the arguments ask for.

    Attributes:
        config: checked.
        dataset_overrides: `dataset.KEY=VALUE`, of the model's own data set.
    """

    config: EmbedConfig
    dataset_overrides: tuple[str, ...]


def read_embed_command(arguments: Sequence[str]) -> EmbedJob:
    """Parse and check; overrides of the data set belong to the model's own unless another is named.

    Raises:
        ConfigError: lists every problem of the configuration.
    """
    own = [] if any(a.startswith("dataset=") for a in arguments) else [a for a in arguments if a.startswith(_OF_RUN)]
    config = read_command([a for a in arguments if a not in own], COMMAND, EmbedConfig, RULES)
    return EmbedJob(config, tuple(own))


def start_seconds(start: str | None) -> float | None:
    """Seconds since 1970 of a time as `start` states it.

    Raises:
        ValueError: it is no such time.
    """
    if start is None:
        return None
    moment = datetime.fromisoformat(start)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


COMMAND = Command(
    program="star-embed",
    description="features of tracklets by a trained model, in one file that star-search reads.",
    config_name="embed",
    examples=(
        "model=RUN split=gallery out=gallery.npz",
        "model=star.onnx tracklets=FOLDER modality=visible out=people.npz",
        "model=RUN video=night.mp4 tracks=night.txt modality=infrared camera=gate out=night.npz",
        "model=RUN video=day.mp4 tracks=day.txt modality=visible out=day.npz pose=movenet pose.model=movenet.tflite",
    ),
    explained=("pose",),
)


def _sources(config: EmbedConfig) -> list[str]:
    return [name for name in ("split", "tracklets", "video") if getattr(config, name) is not None]


def is_time(start: str | None) -> bool:
    """Whether `start_seconds` reads it."""
    try:
        start_seconds(start)
    except ValueError:
        return False
    return True


def _only(source: str, key: str, empty: object = None) -> Rule:
    return Rule(key, lambda c: getattr(c, source) is not None or getattr(c, key) == empty,
                lambda c: f"{source}=... beside it")  # fmt: skip


RULES = (
    Rule("model", lambda c: c.model is not None, lambda c: "a run, or an .onnx file (model=RUN)"),
    Rule("out",
         lambda c: c.out is not None and Path(c.out).suffix.lower() in SUFFIXES,
         lambda c: f"a file to write that ends in {' or '.join(SUFFIXES)} (out=FILE)"),
    Rule("split",
         lambda c: len(_sources(c)) == 1,
         lambda c: "exactly one of split=NAME, tracklets=FOLDER and video=FILE"
         + (f", not {' and '.join(_sources(c))}" if _sources(c) else "")),
    Rule("tracklets",
         lambda c: c.tracklets is None or Path(c.tracklets).expanduser().is_dir(),
         lambda c: "an existing folder"),
    Rule("video", lambda c: c.video is None or Path(c.video).expanduser().is_file(), lambda c: "an existing file"),
    Rule("tracks",
         lambda c: c.video is None or c.tracks is not None,
         lambda c: "the track file of the video (tracks=FILE)"),
    Rule("tracks", lambda c: c.tracks is None or Path(c.tracks).expanduser().is_file(), lambda c: "an existing file"),
    _only("video", "tracks"),
    _only("video", "first_frame", 1),
    _only("video", "min_confidence"),
    _only("video", "frame_rate"),
    _only("video", "start"),
    _only("split", "dataset"),
    Rule("modality",
         lambda c: c.split is not None or c.modality is not None,
         lambda c: "visible or infrared (modality=NAME)"),
    Rule("modality",
         lambda c: c.split is None or c.modality is None,
         lambda c: "null: the data set says it"),
    Rule("camera", lambda c: c.split is None or c.camera is None, lambda c: "null: the data set says it"),
    Rule("pose", lambda c: c.split is None or c.pose is None, lambda c: "null: the data set has its skeletons"),
    Rule("start", lambda c: is_time(c.start), lambda c: "a time such as 2024-05-31T14:00:00+02:00"),
    *pose_model_rules(lambda c: c.pose is not None),
)  # fmt: skip
"""Beside those of a training configuration that are about `dataset`."""

"""Schema of the configuration of `star-skeletons`, conf/skeletons.yaml and conf/pose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from star.config.commands import Command
from star.config.constraints import Rule
from star.config.schema import Dataset, number, numbers


@dataclass(frozen=True, kw_only=True)
class MoveNetPose:
    """conf/pose/movenet.yaml."""

    kind: Literal["movenet"]
    model: str | None


@dataclass(frozen=True, kw_only=True)
class RtmPosePose:
    """conf/pose/rtmpose.yaml."""

    kind: Literal["rtmpose"]
    model: str | None
    variant: Literal["lightweight", "balanced", "performance"]
    input_size: list[int] | None = numbers(2, minimum=16)


@dataclass(frozen=True, kw_only=True)
class HeatmapPose:
    """conf/pose/onnx_heatmap.yaml."""

    kind: Literal["onnx_heatmap"]
    model: str | None
    input_size: list[int] | None = numbers(2, minimum=16)
    mean: list[float] = numbers(3)
    std: list[float] = numbers(3, above=0)
    channel_order: Literal["rgb", "bgr"]
    padding: float = number(minimum=1, maximum=4)


@dataclass(frozen=True, kw_only=True)
class SkeletonsConfig:
    """conf/skeletons.yaml."""

    dataset: Dataset
    pose: MoveNetPose | RtmPosePose | HeatmapPose
    out: str | None
    workers: int = number(minimum=1)
    overwrite: bool
    seed: int = number(minimum=0, maximum=2**31 - 1)
    import_: Literal["hdf5", "npy", "alphapose", "openpose", "coco", "mmpose"] | None = field(
        metadata={"key": "import"}
    )
    source: str | list[str] | None
    joints: list[str] | None
    annotations: str | list[str] | None
    coordinates: Literal["pixels", "normalised", "centred"]
    source_size: list[int] | None = numbers(2, minimum=1)
    shift_frames: int
    estimator: str | None
    dry_run: bool


_NEEDED = {
    "movenet": "a MoveNet SinglePose .tflite file (pose.model=FILE)",
    "onnx_heatmap": "an .onnx file (pose.model=FILE)",
}


def _only_imported(key: str, empty: object = None) -> Rule:
    return Rule(key, lambda c: c.import_ is not None or getattr(c, key) == empty, lambda c: "import=FORMAT beside it")


def pose_model_rules(used: Callable[[Any], bool]) -> tuple[Rule, ...]:
    """That an estimator has its model file, where the configuration uses one."""
    return (
        Rule("pose.model",
             lambda c: not used(c) or c.pose.model is not None or c.pose.kind not in _NEEDED,
             lambda c: _NEEDED[c.pose.kind]),
        Rule("pose.model",
             lambda c: not used(c) or c.pose.model is None or Path(c.pose.model).expanduser().is_file(),
             lambda c: "an existing file"),
    )  # fmt: skip


def paths(given: str | list[str] | None) -> list[Path]:
    """One path, several or none."""
    listed = [given] if isinstance(given, str) else given or []
    return [Path(text).expanduser() for text in listed]


COMMAND = Command(
    program="star-skeletons",
    description="joints for every frame of a data set, by a pose estimator or from the files of another program.",
    config_name="skeletons",
    examples=(
        "dataset.root=ROOT out=SKELETONS pose=movenet pose.model=movenet_lightning_int8.tflite workers=2",
        "dataset.root=ROOT out=SKELETONS pose=onnx_heatmap pose.model=hrnet_w48.onnx",
        "dataset.root=ROOT out=SKELETONS import=alphapose source=alphapose-results.json",
        "dataset.root=ROOT import=alphapose source=alphapose-results.json --dry-run",
    ),
    explained=("pose",),
)

RULES = (
    Rule("dataset.pack",
         lambda c: c.dataset.pack is None,
         lambda c: "null: skeletons are made of the frames in the folder (dataset.root)"),
    Rule("out", lambda c: c.out is not None or c.dry_run, lambda c: "a folder for the skeleton files (out=FOLDER)"),
    Rule("out",
         lambda c: c.out is None or not Path(c.out).expanduser().is_file(),
         lambda c: "a folder, not a file"),
    *pose_model_rules(lambda c: c.import_ is None and (not c.source or c.pose.model is not None)),
    Rule("source",
         lambda c: c.import_ is None or bool(paths(c.source)),
         lambda c: f"the {c.import_} file or folder (source=FILE)"),
    Rule("source",
         lambda c: c.import_ is None or all(path.exists() for path in paths(c.source)),
         lambda c: "existing files or folders"),
    Rule("annotations",
         lambda c: all(path.is_file() for path in paths(c.annotations)),
         lambda c: "existing files"),
    Rule("annotations",
         lambda c: c.import_ in (None, "coco") or not paths(c.annotations),
         lambda c: "null, or import=coco"),
    Rule("source_size",
         lambda c: c.source_size is None or c.coordinates == "pixels",
         lambda c: "null, or coordinates=pixels"),
    _only_imported("source"),
    _only_imported("joints"),
    _only_imported("annotations"),
    _only_imported("coordinates", "pixels"),
    _only_imported("source_size"),
    _only_imported("shift_frames", 0),
    _only_imported("estimator"),
    _only_imported("dry_run", False),
)  # fmt: skip
"""Beside those of a training configuration that are about `dataset`."""

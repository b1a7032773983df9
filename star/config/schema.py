"""Schema of a run's configuration: one dataclass per group, one field per key.

The values live in `conf/`; here stand their types and ranges, which `star.config.check` compares them with. What a
network is made of is open: there a constructor's signature is the schema. After the check, a `Config` is what
`star.engine.build_network` reads; nothing below it sees a configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from star.bounds import number, numbers, probability
from star.data.augmentation import AugmentationOptions
from star.data.cleaning import Cleaning
from star.data.clip import OnBadFrame
from star.data.corruption import Corruption

Node = dict[str, Any]
"""A class (`_target_`) and its arguments."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """conf/backbone, the keys that are not the trunk's own: what its weights were trained with."""

    pretrained: str | None
    channel_order: Literal["rgb", "bgr"]
    mean: list[float] = numbers(3)
    std: list[float] = numbers(3, above=0)


@dataclass(frozen=True, kw_only=True)
class SkeletonGraph:
    """conf/skeleton_graph."""

    bones: bool
    joints: bool
    frame_guidance: bool
    sequence_guidance: bool
    pose_classifier: bool
    pose_initial: Literal["normal", "uniform"]
    graph: Literal["complete", "release"]
    coordinates: Literal["frame", "pixels"]
    attention_heads: int = number(minimum=1)
    joint_dropout: float = number(minimum=0, maximum=0.99)
    joint_attention_dropout: float = number(minimum=0, maximum=0.99)

    @property
    def used(self) -> bool:
        """Whether the network reads skeletons at all."""
        return self.bones or self.joints


@dataclass(frozen=True, kw_only=True)
class Style:
    """conf/style."""

    augmentation: bool
    gain: list[float] | None = numbers(2, minimum=0)
    per: Literal["frame", "clip"]
    permute: bool
    attack: bool


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """conf/dataset."""

    kind: Literal["hitsz_vcm", "bupt_campus", "synthetic"]
    root: str | None
    skeletons: str | None
    pack: str | None
    protocol: Literal["full", "official_drop64"]
    same_camera_filter: bool | None
    auxiliary: bool
    fake_infrared: bool
    min_frames: int = number(minimum=1)
    frames: int = number(minimum=1, maximum=1000)
    height: int = number(minimum=16)
    width: int = number(minimum=16)
    on_bad_frame: OnBadFrame
    min_confidence: float = probability()
    cleaning: Cleaning
    augmentation: AugmentationOptions
    corruption: Corruption
    generate: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """conf/schedule."""

    epochs: int = number(minimum=1)
    batches_per_epoch: int | None = number(minimum=1)
    identities: int = number(minimum=2)
    tracklets: int = number(minimum=1)
    learning_rate: float = number(above=0)
    backbone_factor: float = number(minimum=0)
    warmup_epochs: int = number(minimum=0)
    warmup_per: Literal["step", "epoch"]
    warmup_start: float | None = number(minimum=0, maximum=1)
    decay: Literal["steps", "cosine"]
    floor: float = number(minimum=0)
    milestones: list[int] = numbers(None, empty=True, minimum=1)
    gamma: float = number(above=0)
    clip_norm: float | None = number(above=0)
    accumulation_steps: int = number(minimum=1)
    evaluate_every: int = number(minimum=1)
    evaluation_batch: int = number(minimum=1)


@dataclass(frozen=True, kw_only=True)
class Reranking:
    """conf/reranking."""

    kind: Literal["none", "k_reciprocal", "temporal"]
    k1: int = number(minimum=1)
    k2: int = number(minimum=1)
    weight: float = number(minimum=0, maximum=1)
    halves: float = number(minimum=0)


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """conf/hardware."""

    target: Literal["CPU", "Ascend", "GPU"]
    mode: Literal["graph", "pynative"]
    precision: Literal["O0", "O2", "O3"]
    loss_scale: float = number(minimum=1)
    loss_scale_window: int = number(minimum=1)
    recompute: bool
    sink_size: int = number(minimum=1)
    device_id: int = number(minimum=0)
    processes: int = number(minimum=1)
    batch_norm: Literal["global", "local"]
    loader_workers: int = number(minimum=1)
    embedding: Literal["mindspore", "onnxruntime"]
    onednn_max_isa: str | None


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """conf/tracker."""

    kind: Literal["mlflow", "none"]
    uri: str | None
    experiment: str
    log_every: int = number(minimum=1)
    flush_every: int = number(minimum=1)


@dataclass(frozen=True, kw_only=True)
class Debug:
    """conf/debug."""

    limit_identities: int | None = number(minimum=2)
    profile_steps: int | None = number(minimum=1)


@dataclass(frozen=True, kw_only=True)
class Config:
    """conf/train.yaml: one training run.

    Groups of type `Node` name a class in `_target_` and hold its arguments: `star.config.slots` says which.
    """

    backbone: Node
    stream: Node
    style: Style
    frame_pooling: Node
    skeleton_graph: SkeletonGraph
    guidance: dict[str, Node]
    frame_head: Node
    aggregation: Node
    clip_head: Node
    branch: dict[str, Node]
    loss: dict[str, Node]
    dataset: Dataset
    sampler: Node
    optimiser: Node
    schedule: Schedule
    reranking: Reranking
    hardware: Hardware
    tracker: Tracking
    debug: Debug
    seed: int = number(minimum=0, maximum=2**31 - 1)
    study: str
    resume: str | None
    rerun: bool
    checkpoint_every: int | None = number(minimum=1)

"""A run's parameters in MLflow: the keys worth a column, by the parts in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from star.config.schema import Config
from star.config.slots import PREPARATION, nodes
from star.tracking.names import LARGEST_PARAMS

_DATASET = ("kind", "frames", "height", "width", "min_frames")
_RARE = ("auxiliary", "fake_infrared", "on_bad_frame")
"""Keys of a data set that are the first to go where there are many parts."""
_TECHNICAL = ("evaluate_every", "evaluation_batch")
"""Keys of the schedule that do not change what is trained."""
_USUAL = {
    "stream": "star.models.encoder.Encoder",
    "frame_pooling": "star.models.frame_pooling.Average",
    "frame_head": "star.models.neck.Neck",
    "clip_head": "star.models.neck.Neck",
    "sampler": "star.data.sampler.PairedSampler",
}
"""Parts that nearly every network has: only another one is worth a column."""


def run_params(config: Config) -> dict[str, object]:
    """The parameters of a run, the most telling first; what is beyond `LARGEST_PARAMS` only the configuration has."""
    params: dict[str, object] = {"seed": config.seed}
    params |= {f"loss.{name}": node["weight"] for name, node in config.loss.items()}
    parts = [
        (key, node)
        for _, key, node in nodes(config)
        if not key.startswith(("loss.", "optimiser.further.")) and _USUAL.get(key) != node.get("_target_")
    ]
    params |= {key: str(node.get("_target_")).rpartition(".")[2] for key, node in parts}
    params |= _skeleton(config)
    for key, node in parts:
        params |= _arguments(key, node)
    params |= {f"schedule.{key}": value for key, value in asdict(config.schedule).items() if key not in _TECHNICAL}
    params |= {f"dataset.{key}": getattr(config.dataset, key) for key in _DATASET}
    params |= {f"style.{key}": value for key, value in asdict(config.style).items() if key in _style(config)}
    params |= {f"backbone.{key}": config.backbone[key] for key in PREPARATION}
    params |= {f"dataset.{key}": getattr(config.dataset, key) for key in _RARE}
    return dict(list(params.items())[:LARGEST_PARAMS])


def _arguments(key: str, node: Mapping[str, Any]) -> dict[str, object]:
    """The arguments of a part under the key of its slot."""
    return {
        f"{key}.{name}": value
        for name, value in node.items()
        if name not in ("_target_", *PREPARATION) and not isinstance(value, Mapping)
    }


def _style(config: Config) -> tuple[str, ...]:
    """How gains are drawn says something only where they are."""
    return ("augmentation", "attack", *(("gain", "per", "permute") if config.style.augmentation else ()))


def _skeleton(config: Config) -> dict[str, object]:
    return dict(_skeleton_items(config))


def _skeleton_items(config: Config) -> Iterator[tuple[str, object]]:
    options = asdict(config.skeleton_graph)
    for name in ("bones", "joints", "frame_guidance", "sequence_guidance", "pose_classifier"):
        yield f"skeleton_graph.{name}", options[name]
    if config.skeleton_graph.used:
        yield "skeleton_graph.coordinates", options["coordinates"]
    if config.skeleton_graph.joints:
        for name in ("graph", "joint_dropout", "joint_attention_dropout"):
            yield f"skeleton_graph.{name}", options[name]

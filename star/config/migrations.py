"""Stored configurations of earlier versions, in the form of today.

A stored configuration carries its `version`; one without has version 1. Each step below says what a run of the version
before did, in the keys of the next; nothing is ever taken from an experiment of today.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from star.errors import ConfigError, Problem

VERSION = 2
"""Of the configurations that are stored now."""
Values = dict[str, Any]

_CLIP_POOLING = {"gem": "star.models.pooling.GeneralisedMean", "max": "star.models.pooling.Maximum"}
_ADDED_IN_1: Values = {
    "pooling": {"kind": "gem"},
    "dataset": {
        "pack": None,
        "protocol": "full",
        "same_camera_filter": True,
        "auxiliary": False,
        "fake_infrared": False,
        "cleaning": {
            "interpolate": False,
            "max_gap": 5,
            "filter": "none",
            "window": 7,
            "order": 2,
            "min_cutoff": 0.2,
            "beta": 1.0,
        },
        "augmentation": {
            "geometry": "clip",
            "erase_per": "clip",
            "weighted_greyscale": 0.0,
            "channel_exchange": 0.0,
            "colour_jitter": 0.0,
            "infrared_jitter": 0.0,
            "brightness": 0.5,
            "contrast": 0.5,
            "saturation": 0.5,
        },
        "corruption": {"occlusion": 0.0, "joint_noise": 0.0, "joint_dropout": 0.0, "seed": 0},
    },
    "schedule": {"accumulation_steps": 1},
    "hardware": {
        "loss_scale": 65536.0,
        "loss_scale_window": 2000,
        "recompute": False,
        "sink_size": 1,
        "batch_norm": "local",
    },
    "debug": {"profile_steps": None},
    "checkpoint_every": None,
}
"""Keys that came while the version was 1, with the values that say what runs before them did."""
_NO_RERANKING = {"kind": "none", "k1": 20, "k2": 6, "weight": 0.3, "halves": 0.0}
_ADDED_IN_2: Values = {
    "dataset": {
        "augmentation": {
            "erase_law": "log_uniform",
            "erase_fill": "mean",
            "joints": "follow",
            "visible_joints": "own",
            "greyscale_values": "rounded",
        }
    },
    "style": {"per": "frame", "permute": True},
    "skeleton_graph": {"pose_initial": "normal"},
    "hardware": {"embedding": "mindspore"},
}
"""The same for version 2."""


def migrate(values: Values) -> Values:
    """A stored configuration in the keys of today.

    Args:
        values: plain containers, with `version` or of version 1; changed in no way.

    Returns:
        The same in today's keys, without `version`.

    Raises:
        ConfigError: it is of a later version of the software.
    """
    values = deepcopy(values)
    version = values.pop("version", 1)
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        expected = f"a configuration this software knows (versions 1 to {VERSION}); a newer one has stored it"
        raise ConfigError([Problem("version", repr(version), expected)])
    if version == 1:
        _fill(values, _ADDED_IN_1)
    for step in _STEPS[version - 1 :]:
        values = step(values)
    values.setdefault("reranking", dict(_NO_RERANKING))
    _fill(values, {group: added for group, added in _ADDED_IN_2.items() if group in values})
    return values


def migrate_settings(values: Values) -> Values:
    """As `migrate`, for the part of a configuration that a fingerprint keeps: what it left out is not added."""
    before = values.get("version", 1)
    hardware, dataset, reranked = set(values.get("hardware", {})), set(values.get("dataset", {})), "reranking" in values
    values = migrate(values)
    if not reranked:
        del values["reranking"]
    if before == 1:
        left_out = {
            "hardware": {"loss_scale", "loss_scale_window", "recompute", "sink_size", "batch_norm"} - hardware,
            "dataset": {"corruption", "pack"} - dataset,
        }
        for group, keys in left_out.items():
            for key in keys:
                values.get(group, {}).pop(key, None)
        values.pop("checkpoint_every", None)
        values["backbone"].pop("pretrained", None)
    drop_unused_draws(values)
    return values | {"version": VERSION}


def overrides_for_old_defaults(values: Values) -> list[str]:
    """Overrides that say what a run took from defaults of its time which are others now: how rectangles are erased.

    Args:
        values: the run's stored configuration.
    """
    augmentation = values.get("dataset", {}).get("augmentation", {})
    if "erase_law" in augmentation or "erase_aspect" not in augmentation:
        return []
    low, high = augmentation["erase_aspect"]
    given = {"erase_law": "log_uniform", "erase_fill": "mean", "erase_aspect": f"[{low},{high}]"}
    return [f"dataset.augmentation.{key}={value}" for key, value in given.items()]


def drop_unused_draws(values: Values) -> None:
    """Take out how gains are drawn where the style augmentation is off: it can change no number."""
    style = values.get("style", {})
    if not style.get("augmentation", True):
        for key in ("gain", "per", "permute"):
            style.pop(key, None)


def migrate_overrides(overrides: Sequence[str]) -> list[str]:
    """Overrides of a run that was started with version 1, in the names of today."""
    migrated = []
    for text in overrides:
        key, equals, value = text.partition("=")
        plain = key.lstrip("+~")
        for before, now in _RENAMED.items():
            if plain == before or plain.startswith(f"{before}."):
                key = key[: len(key) - len(plain)] + now + plain[len(before) :]
                break
        migrated.append(f"{key}{equals}{value}")
    return migrated


_RENAMED = {
    "pooling.guided_powers": "guidance.sequence.powers",
    "pooling.kind": "aggregation",
    "pooling": "aggregation",
    "schedule.momentum": "optimiser.momentum",
    "schedule.nesterov": "optimiser.nesterov",
    "schedule.weight_decay": "optimiser.weight_decay",
}
"""Keys of version 1 and those of today, the longer ones first."""


def _to_2(values: Values) -> Values:
    """Version 1 had one network with flags, and SGD alone."""
    if "pooling" in values:
        pooling = values.pop("pooling")
        kind = pooling.get("kind", "gem")
        values["aggregation"] = {"_target_": _CLIP_POOLING[kind]}
        if kind == "gem":
            values["aggregation"]["power"] = pooling["power"]
        heads = values["skeleton_graph"]["attention_heads"]
        values["guidance"] = {
            "frame": {"_target_": "star.models.frame_guidance.FrameGuidance", "heads": heads},
            "sequence": {"_target_": "star.models.pooling.GuidedPooling", "powers": pooling["guided_powers"]},
        }
    if "backbone" in values:
        values["backbone"] = {"_target_": "star.models.resnet.ResNet", "stems": "two", **values["backbone"]}
    values["stream"] = {"_target_": "star.models.encoder.Encoder"}
    values["frame_pooling"] = {"_target_": "star.models.frame_pooling.Average"}
    values["frame_head"] = {"_target_": "star.models.neck.Neck"}
    values["clip_head"] = {"_target_": "star.models.neck.Neck"}
    values["branch"] = {}
    values["sampler"] = {"_target_": "star.data.sampler.PairedSampler"}
    if "schedule" in values:
        schedule = values["schedule"]
        values["optimiser"] = {
            "_target_": "star.engine.optimisers.SGD",
            **{key: schedule.pop(key) for key in ("momentum", "nesterov", "weight_decay") if key in schedule},
            "factors": {
                "backbone": {"pattern": r"^backbone\.", "rate": schedule.get("backbone_factor", 1.0), "decay": 1.0}
            },
            "further": {},
        }
        schedule |= {"warmup_per": "step", "warmup_start": None, "decay": "steps", "floor": 0.0}
    return values


_STEPS: tuple[Callable[[Values], Values], ...] = (_to_2,)
"""Step i takes a configuration of version i + 1 to the next."""


def _fill(values: Values, usual: Values) -> None:
    for key, value in usual.items():
        if key not in values:
            values[key] = deepcopy(value)
        elif isinstance(value, dict) and isinstance(values[key], dict):
            _fill(values[key], value)

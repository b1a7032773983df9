"""The network of a configuration: its slots, what is read and given, and whether it can be built.

MindSpore is imported by what is called here, not with this module.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from star.config.schema import Config
from star.config.slots import fill_slots, nodes, preparation_of
from star.config.training import training_problems
from star.errors import ConfigError, Problem
from star.types import ALONE, Share, Slot

if TYPE_CHECKING:
    from star.models.assemble import Parts
    from star.models.builder import Setting


def network_slots(config: Config) -> dict[str, Slot]:
    """The filled slots of a checked configuration.

    Raises:
        ConfigError: a class cannot be imported any more.
    """
    problems: list[Problem] = []
    slots = fill_slots(config, problems)
    if problems:
        raise ConfigError(problems)
    return slots


_GROUPS = (
    *("backbone", "stream", "style", "frame_pooling", "skeleton_graph", "guidance", "frame_head", "aggregation"),
    *("clip_head", "branch", "sampler"),
)
"""Groups a network is built of."""


_FITTING: set[str] = set()
"""Networks that have been found to fit in this process: the rows of a study are often the same network."""


def is_buildable(config: Config, problems: Sequence[Problem]) -> bool:
    """Whether what a network is built of is right so far, whatever else is wrong.

    Args:
        config: conforms to the schema, but for `problems`.
        problems: found in it.
    """
    if any(problem.key.partition(".")[0] in _GROUPS for problem in problems):
        return False
    if os.environ.get("MS_ROLE") == "MS_WORKER":  # checked by what has started it; a worker takes its device first
        return False
    data, schedule = config.dataset, config.schedule
    if data is None or schedule is None or config.hardware is None:
        return False
    numbers = (data.frames, data.height, data.width, schedule.identities, schedule.tracklets, config.hardware.processes)
    return None not in numbers


def network_problems(config: Config, slots: Mapping[str, Slot]) -> list[Problem]:
    """What keeps a network from being built, and what its parts or losses read that is not there.

    Args:
        config: conforms to the schema.
        slots: its filled slots, without problems.
    """
    from star.models.build import build_parts, misfits
    from star.models.builder import Builder

    foreign = [slot for slot in slots.values() if not slot.target.__module__.startswith("star.")]
    if foreign and config.hardware.target != "CPU":  # a stranger's constructor may compute, and so take the device
        return []
    share = Share(0, config.hardware.processes)
    setting = setting_of(config, slots, identities=config.schedule.identities, share=share)
    described = repr((sorted(slots.items()), setting, config.schedule.accumulation_steps))
    if described in _FITTING:
        return []
    builder = Builder(replace(setting, share=ALONE), initial_values=False)
    parts = build_parts(slots, builder)
    losses = {key: slot for key, slot in slots.items() if key.startswith("loss.")}
    if parts is None:
        return builder.problems
    problems = misfits(parts, slots, {key: loss_reads(slot) for key, slot in losses.items()}, setting)
    terms = {}
    for key, slot in losses.items():
        first = next(iter(loss_reads(slot)), "nothing")
        if "channels" in slot.given and first not in builder.widths:
            expected = f"a tensor whose width is known, for `channels` ({', '.join(sorted(builder.widths))})"
            problems.append(Problem(key, f"reads {first} first", expected))
        else:
            terms[key] = builder.make(slot, builder.widths.get(first))
    problems += builder.problems
    for key, slot in slots.items():
        if key.startswith("optimiser"):
            problems += _optimiser_problems(key, slot, setting)
    if not problems and config.optimiser is not None and len(terms) == len(config.loss or {}):
        problems += training_problems(config, _trainable(parts, terms))
    if not problems:
        _FITTING.add(described)
    return problems


def _optimiser_problems(key: str, slot: Slot, setting: Setting) -> list[Problem]:
    """What keeps an optimiser from being made; one that says `optimiser.<argument>` of itself may be a further one."""
    from star.models.builder import Builder

    builder = Builder(setting)
    builder.call(key, slot.target, slot.arguments)
    found = builder.problems
    return [p if p.key.startswith(key) else p._replace(key=p.key.replace("optimiser", key, 1)) for p in found]


def _trainable(parts: Parts, terms: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of the trainable parameters by part, as a network and its losses name them."""
    names = {}
    for name, cell in parts.by_parameter_name().items():
        key = f"branch.{name}" if name in parts.branches else name
        names[key] = [f"{name}.{parameter.name}" for parameter in cell.trainable_params()]
    for key, cell in terms.items():
        names[key] = [f"{key}.{parameter.name}" for parameter in cell.trainable_params()]
    return {key: own for key, own in names.items() if own}


def loss_reads(slot: Slot) -> tuple[str, ...]:
    """What a loss term is called with."""
    from star.losses.weighted import reads_of

    return reads_of(slot.target, slot.kept.get("on"))


def outputs_of(slots: Mapping[str, Slot]) -> list[str]:
    """Names of the tensors that the loss terms read, but for the identities."""
    read = {name for key, slot in slots.items() if key.startswith("loss.") for name in loss_reads(slot)}
    return sorted(read - {"identities"})


def reads_joints(config: Config) -> bool:
    """Whether any part or loss reads joints; only classes outside of this package are asked, and imported for it."""
    if config.skeleton_graph.used:
        return True
    named = [node for _, _, node in nodes(config) if isinstance(node, dict)]
    foreign = [node for node in named if not str(node.get("_target_")).startswith("star.")]
    renamed = [name for node in named for key in ("reads", "on") for name in _names(node.get(key))]
    if not foreign:
        return _are_joints(renamed)
    slots = network_slots(config)
    return _are_joints([*renamed, *(name for slot in slots.values() for name in _reads(slot))])


def _reads(slot: Slot) -> list[str]:
    return _names(slot.kept.get("reads", getattr(slot.target, "reads", ())))


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return list(map(str, value.values()))
    return list(map(str, value)) if isinstance(value, (list, tuple)) else []


def _are_joints(names: list[str]) -> bool:
    return any("joints" in name for name in names)


def setting_of(config: Config, slots: Mapping[str, Slot], *, identities: int, share: Share = ALONE) -> Setting:
    """What all parts of a network are built for.

    Args:
        config: conforms to the schema.
        slots: its filled slots.
        identities: k, classes of the classifiers.
        share: of every batch.
    """
    from star.models.builder import Setting

    s, data = config.skeleton_graph, config.dataset
    preparation = preparation_of(config, [])
    read = [name for slot in slots.values() for name in _reads(slot)]
    skeleton = {
        "bones": s.bones,
        "joints": s.joints,
        "descriptor": s.sequence_guidance or s.pose_classifier or "descriptor" in read,
        "graph": s.graph,
        "joint_dropout": s.joint_dropout,
        "joint_attention_dropout": s.joint_attention_dropout,
    }
    return Setting(
        identities=identities,
        frames=data.frames,
        height=data.height,
        width=data.width,
        tracklets=config.schedule.tracklets,
        seed=config.seed,
        skeleton=skeleton if s.used else None,
        pose_classifier=s.pose_classifier,
        pose_initial=s.pose_initial,
        in_pixels=s.coordinates == "pixels",
        style={
            "style_augmentation": config.style.augmentation,
            "style_attack": config.style.attack,
            "gain": tuple(config.style.gain or (1.0, 1.0)),
            "style_per": config.style.per,
            "permute_channels": config.style.permute,
        },
        mean=preparation.mean,
        std=preparation.std,
        channel_order=preparation.channel_order,
        mixed=bool(getattr(slots["sampler"].target, "mixed", False)),
        share=share,
    )

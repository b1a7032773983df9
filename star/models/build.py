"""From the classes that fill the slots of a configuration to a network, every mistake collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mindspore import nn

from star.errors import Problem
from star.models.assemble import RESERVED, Parts, inputs_of, pieces, wires_of
from star.models.builder import Builder, Setting
from star.models.network import Network
from star.models.normalise import Normalise
from star.models.part import random_inputs_of
from star.models.pooling import Mean
from star.models.random_inputs import SHARED_STREAM, input_name
from star.models.skeleton import Skeleton
from star.models.wiring import Row, wiring_problems
from star.types import Slot


def build_parts(slots: Mapping[str, Slot], builder: Builder) -> Parts | None:
    """The cells of a network.

    Args:
        slots: by dotted key of the configuration; empty places are missing.
        builder: has the problems afterwards.

    Returns:
        The cells; None if some could not be made.
    """
    setting = builder.setting
    backbone = builder.make(slots["backbone"])
    width = _width_of(backbone, "backbone", builder)
    if width is None:
        return None
    builder.widths["maps"] = width
    frame_pooling = builder.make(slots["frame_pooling"], width)
    encoder = builder.make(slots["stream"], backbone=backbone, frame_pooling=frame_pooling, **setting.style)
    if frame_pooling is None or encoder is None:
        return None
    d = encoder.out_channels
    builder.learn([name for name in encoder.gives if name != "maps"], None, d)
    skeleton = _skeleton(builder, d)
    frame_guidance = builder.make(slots.get("guidance.frame"), d)
    if frame_guidance is not None:
        builder.learn(getattr(frame_guidance, "gives", ()), frame_guidance, d)
    aggregation, key = _aggregation(slots, builder, encoder, skeleton)
    clip_width = int(getattr(aggregation, "out_channels", None) or builder.widths["frames"])
    builder.learn(getattr(aggregation, "gives", ()), aggregation, clip_width)
    frame_head = builder.make(slots.get("frame_head"), d)
    clip_head = builder.make(slots.get("clip_head"), clip_width)
    pose_classifier = None
    if setting.pose_classifier and skeleton is not None:
        arguments = {"in_channels": skeleton.descriptor_channels, "out_channels": setting.identities}
        pose_classifier = builder.call("skeleton_graph.pose_classifier", nn.Dense, arguments)
    branches = {}
    for slot in [slot for slot in slots.values() if slot.key.startswith("branch.")]:
        name = slot.key.partition(".")[2]
        if name in RESERVED or not name.isidentifier():
            builder.problems.append(Problem(slot.key, name, f"a name that is none of {', '.join(RESERVED)}"))
        first = _first_read(slot) or "clip_features"
        cell = builder.make(slot, builder.widths.get(first, clip_width))
        if cell is not None:
            branches[name] = cell
            builder.learn(getattr(cell, "gives", ()), cell, builder.widths.get(first))
    if builder.problems or aggregation is None or clip_head is None:
        return None
    if not hasattr(clip_head, "embed"):
        expected = "a part with `embed`, which gives the retrieval feature"
        builder.problems.append(Problem("clip_head", type(clip_head).__qualname__, expected))
        return None
    preparation = {"mean": setting.mean, "std": setting.std, "channel_order": setting.channel_order}
    normalise = builder.call("backbone", Normalise, preparation)
    if normalise is None:
        return None
    parts = Parts(
        normalise=normalise,
        encoder=encoder,
        backbone=backbone,
        frame_pooling=frame_pooling,
        aggregation=aggregation,
        aggregation_key=key,
        clip_head=clip_head,
        frame_head=frame_head,
        skeleton=skeleton,
        frame_guidance=frame_guidance,
        pose_classifier=pose_classifier,
        branches=branches,
        in_pixels=setting.in_pixels,
        names={slot.key: slot.kept for slot in slots.values()},
        guided=key == "aggregation" and "guidance.sequence" in slots and skeleton is not None,
    )
    parts.drawn = _draws(parts, builder)
    return None if builder.problems else parts


def network_of(parts: Parts, outputs: Sequence[str]) -> Network:
    """The network of parts that fit together.

    Args:
        parts: its cells.
        outputs: names of the tensors that losses read.
    """
    wires = wires_of(parts)
    wanted = list(outputs)
    return Network(inputs=inputs_of(parts, wires, wanted), **pieces(parts, wires, wanted))


def misfits(
    parts: Parts, slots: Mapping[str, Slot], losses: Mapping[str, Sequence[str]], setting: Setting
) -> list[Problem]:
    """What does not fit between parts and losses.

    Args:
        parts: cells of a network.
        slots: they were made of, losses among them.
        losses: what each reads, by key.
        setting: what the parts are built for.
    """
    wires = wires_of(parts)
    drawn = {name: frozenset(input_name(name, own) for own in names) for name, names in parts.drawn.items()}
    rows = [Row(w.key, w.reads, w.gives, w.training_only, drawn.get(w.name, frozenset())) for w in wires]
    encoder = Row("stream", tuple(parts.encoder.reads), tuple(parts.encoder.gives), drawn=drawn["encoder"])
    problems = wiring_problems(encoder, parts.encoder.embed_gives, rows, losses, mixed=setting.mixed)
    cells = {w.key: w.cell for w in wires} | {key: slots[key].target for key in losses}
    for key, cell in cells.items():
        if setting.mixed and getattr(cell, "paired_rows", False):
            problems.append(Problem(key, "this part", "sampler=paired: it needs rows i and i + n/2 of one identity"))
        alone = setting.share.size == 1 or not getattr(cell, "across_rows", False)
        if not alone and key in slots and "share" not in slots[key].given:
            expected = "hardware.processes=1, or a constructor with `share`, which tells of the other processes' rows"
            problems.append(Problem(key, "a part that reads across rows", expected))
    return problems


def _draws(parts: Parts, builder: Builder) -> dict[str, tuple[str, ...]]:
    """Names of the arrays that each part draws for a step."""
    keys = {w.name: (w.key, w.cell) for w in wires_of(parts)} | {"encoder": ("stream", parts.encoder)}
    names = {}
    for name, (key, cell) in keys.items():
        try:
            drawn = random_inputs_of(cell, np.random.default_rng(0), 2, builder.setting.frames)
        except Exception as error:  # a stranger's draw may raise anything
            given = f"random_inputs, which raised {type(error).__name__}: {error}"
            builder.problems.append(Problem(key, given, "random_inputs(rng, clips, frames) -> {name: array}"))
            continue
        names[name] = tuple(drawn)
        own = tuple(getattr(cell, "reads", ()))
        for unread in [array for array in drawn if array not in own and name not in SHARED_STREAM]:
            builder.problems.append(Problem(key, f"random input {unread}", f"one of its reads ({', '.join(own)})"))
    return names


def _first_read(slot: Slot) -> str | None:
    reads = slot.kept.get("reads", getattr(slot.target, "reads", ()))
    if isinstance(reads, Mapping):
        own = tuple(getattr(slot.target, "reads", ()))
        return str(reads.get(own[0], own[0])) if own else None
    if isinstance(reads, str):
        return reads
    return str(reads[0]) if isinstance(reads, (list, tuple)) and reads else None


def _width_of(cell: Any, key: str, builder: Builder) -> int | None:
    if cell is None:
        return None
    width = getattr(cell, "out_channels", None)
    if not isinstance(width, (int, np.integer)) or width < 1:
        given = f"{type(cell).__qualname__} with out_channels {width!r}"
        builder.problems.append(Problem(key, given, "a part that tells its `out_channels`, a number above 0"))
        return None
    return int(width)


def _skeleton(builder: Builder, channels: int) -> Skeleton | None:
    setting = builder.setting
    if setting.skeleton is None:
        return None
    arguments = {"channels": channels, "frames": setting.frames, **setting.skeleton}
    skeleton = builder.call("skeleton_graph", Skeleton, arguments)
    if skeleton is not None:
        builder.learn(skeleton.gives, skeleton, None)
    return skeleton


def _aggregation(
    slots: Mapping[str, Slot], builder: Builder, encoder: Any, skeleton: Skeleton | None
) -> tuple[Any, str]:
    """The aggregation, with guided pooling in the place of its last mean over the frames; and the key of its node."""
    slot, sequence = slots["aggregation"], slots.get("guidance.sequence")
    width = builder.widths["frames"]
    if sequence is None or skeleton is None:
        pooling = {"pooling": Mean()} if "pooling" in slot.given else {}
        return builder.make(slot, width, **pooling), "aggregation"
    name = slot.target.__qualname__
    if not encoder.non_negative:
        given = f"true, over {type(encoder.backbone).__qualname__} whose features may be negative"
        expected = (
            "false: powers need features from 0 on (a trunk that gives no others says so by non_negative = True); "
            "skeleton_graph=frame guides any"
        )
        builder.problems.append(Problem("skeleton_graph.sequence_guidance", given, expected))
        return None, "aggregation"
    guided = builder.make(sequence, width, guide_channels=skeleton.descriptor_channels)
    if getattr(slot.target, "is_mean_over_frames", False):
        return guided, "guidance.sequence"
    if "pooling" in slot.given:
        return builder.make(slot, width, pooling=guided), "aggregation"
    expected = f"false: {name} has no mean over the frames that guided pooling could replace (aggregation=gem has)"
    builder.problems.append(Problem("skeleton_graph.sequence_guidance", f"true, with aggregation {name}", expected))
    return None, "aggregation"

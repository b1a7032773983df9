"""Building a network from the classes in the slots of a configuration; every mistake is collected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from mindspore import nn

from star.errors import Problem
from star.models.assemble import CLIP_HEAD, RESERVED, Parts, inputs_of, pieces, wires_of
from star.models.builder import Builder, Setting
from star.models.network import Network
from star.models.normalise import Normalise
from star.models.part import Wire, random_inputs_of, wire
from star.models.pooling import Mean
from star.models.random_inputs import SHARED_STREAM, input_name
from star.models.skeleton_branches import Skeleton
from star.models.wiring import ALWAYS, Row, call_problems, wiring_problems
from star.types import Slot

_ENCODER = ("reads", "gives", "embed_gives", "embed")


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
    d = _width_of(encoder, "stream", builder)
    if frame_pooling is None or d is None or not _is_encoder(encoder, builder):
        return None
    builder.learn([name for name in encoder.gives if name != "maps"], None, d)
    builder.widths.update(getattr(encoder, "widths", {}))
    skeleton = _skeleton(builder, d)
    frame_guidance = builder.make(slots.get("guidance.frame"), _width_read(slots.get("guidance.frame"), builder, d))
    _learn(builder, "guidance.frame", frame_guidance, slots, d)
    aggregation, key = _aggregation(slots, builder, backbone, encoder, skeleton)
    _learn(builder, key, aggregation, slots, builder.widths.get("frames", d))
    clip_width = builder.widths.get("clip_features", d)
    frame_head = builder.make(slots.get("frame_head"), d)
    builder.learn(("frame_logits", "disturbed_logits") if frame_head is not None else (), None, setting.identities)
    clip_head = builder.make(slots["clip_head"], _width_read(slots["clip_head"], builder, clip_width))
    _learn(builder, "clip_head", clip_head, slots, setting.identities)
    pose_classifier = None
    if setting.pose_classifier and skeleton is not None:
        arguments = {"in_channels": skeleton.descriptor_channels, "out_channels": setting.identities}
        pose_classifier = builder.call("skeleton_graph.pose_classifier", nn.Dense, arguments)
        if pose_classifier is not None and setting.pose_initial == "uniform":
            pose_classifier.initial = {"": None}
        builder.learn(("pose_logits",), None, setting.identities)
    branches = {}
    for slot in [slot for slot in slots.values() if slot.key.startswith("branch.")]:
        name = slot.key.partition(".")[2]
        if name in RESERVED or not name.isidentifier():
            builder.problems.append(Problem(slot.key, name, f"a name that is none of {', '.join(RESERVED)}"))
        elif name in _names_of_a_network():
            builder.problems.append(Problem(slot.key, name, "another name: networks have something else of this name"))
        width = _width_read(slot, builder, clip_width)
        cell = builder.make(slot, width, clip_head=clip_head)
        if cell is not None:
            branches[name] = cell
            _learn(builder, slot.key, cell, slots, width)
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
    builder.problems += _nameless(wires_of(parts))
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
    named = {problem.key for problem in problems}
    problems += [problem for problem in _wrong_calls(encoder, rows, parts, losses, slots) if problem.key not in named]
    cells = {w.key: w.cell for w in wires} | {key: slots[key].target for key in losses}
    for key, cell in cells.items():
        if setting.mixed and getattr(cell, "paired_rows", False):
            problems.append(Problem(key, "this part", "sampler=paired: it needs rows i and i + n/2 of one identity"))
        alone = setting.share.world_size == 1 or not getattr(cell, "across_rows", False)
        if not alone and key in slots and "share" not in slots[key].given:
            expected = "hardware.processes=1, or a constructor with `share`, which tells of the other processes' rows"
            problems.append(Problem(key, "a part that reads across rows", expected))
    return problems


def _wrong_calls(
    encoder: Row, rows: Sequence[Row], parts: Parts, losses: Mapping[str, Sequence[str]], slots: Mapping[str, Slot]
) -> Iterator[Problem]:
    """Parts and losses that cannot be called with as many tensors as they read, or as evaluation has of these."""
    yield from call_problems("stream", parts.encoder.construct, encoder.reads)
    known = {*ALWAYS, *parts.encoder.embed_gives}
    for row, w in zip(rows, wires_of(parts), strict=True):
        yield from call_problems(row.key, w.cell.construct, row.reads)
        reads = [name for name in row.reads if name in known]
        if w.name == CLIP_HEAD:
            yield from call_problems(row.key, w.cell.embed, reads, "embed")
        elif not row.training_only:
            if row.drawn:
                yield from call_problems(row.key, w.cell.construct, reads, when="in evaluation")
            known |= set(row.gives)
    for key, reads in losses.items():
        target = slots[key].target
        called = reads if hasattr(target, "reads") else ("output", "identities")
        yield from call_problems(key, partial(target.construct, None), called)


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


@cache
def _names_of_a_network() -> frozenset[str]:
    """What networks call something of their own, so that no branch can be called it."""
    encoder = SimpleNamespace(reads=(), gives=(), embed_gives=())
    wires = [Wire("head", "", nn.Cell(), (), ())]
    empty = Network(inputs=(), normalise=nn.Cell(), encoder=encoder, wires=wires, head="head", outputs=(), parts={})
    return frozenset({*dir(empty), *empty.name_cells(), "widths", "identities"})


def _is_encoder(cell: Any, builder: Builder) -> bool:
    missing = [name for name in _ENCODER if not hasattr(cell, name)]
    if missing:
        given = f"{type(cell).__qualname__} without {', '.join(missing)}"
        builder.problems.append(Problem("stream", given, "an encoder: star.models.encoder.Encoder or a subclass of it"))
    return not missing


def _nameless(wires: Sequence[Wire]) -> Iterator[Problem]:
    """Parts that do not tell what they are called with or what they return."""
    for w in wires:
        unread = not w.reads and not hasattr(w.cell, "reads")
        if unread or (not w.gives and w.name != CLIP_HEAD):
            given = f"{type(w.cell).__qualname__} without {'reads' if unread else 'gives'}"
            yield Problem(w.key, given, "`reads` and `gives`, the names of the tensors it takes and returns")


def _learn(builder: Builder, key: str, cell: Any, slots: Mapping[str, Slot], usual: int) -> None:
    """Take note of the widths of what a part gives, by the names that the configuration has for it."""
    if cell is None:
        return
    widths = getattr(cell, "out_channels", None)
    named = isinstance(widths, Mapping)
    if not all(width is None or _is_width(width) for width in (widths.values() if named else [widths])):
        given = f"{type(cell).__qualname__} with out_channels {widths!r}"
        builder.problems.append(Problem(key, given, "a number above 0, or numbers by name"))
        return
    own = tuple(getattr(cell, "gives", ()))
    for place, name in enumerate(wire("", key, cell, slots[key].kept).gives):
        before = own[place] if place < len(own) else name
        builder.widths[name] = int((widths.get(before) if named else widths) or usual)


def _width_read(slot: Slot | None, builder: Builder, usual: int) -> int:
    """The width of the first tensor a part reads; the usual one where none is known."""
    return usual if slot is None else builder.widths.get(_first_read(slot) or "", usual)


def _is_width(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= 1)


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
    width: Any = getattr(cell, "out_channels", None)
    if not _is_width(width):
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
    slots: Mapping[str, Slot], builder: Builder, backbone: Any, encoder: Any, skeleton: Skeleton | None
) -> tuple[Any, str]:
    """The aggregation, with guided pooling in the place of its last mean over the frames; and the key of its node."""
    slot, sequence = slots["aggregation"], slots.get("guidance.sequence")
    width: Any = builder.widths.get("frames", encoder.out_channels)
    if sequence is None or skeleton is None:
        return builder.make(slot, _width_read(slot, builder, width), pooling=Mean(), backbone=backbone), "aggregation"
    name = slot.target.__qualname__
    if not (getattr(encoder, "non_negative", False) or getattr(slot.target, "non_negative", False)):
        given = f"true, over {slots['backbone'].target.__qualname__} whose features may be negative"
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
        return builder.make(slot, _width_read(slot, builder, width), pooling=guided, backbone=backbone), "aggregation"
    expected = f"false: {name} has no mean over the frames that guided pooling could replace (aggregation=gem has)"
    builder.problems.append(Problem("skeleton_graph.sequence_guidance", f"true, with aggregation {name}", expected))
    return None, "aggregation"

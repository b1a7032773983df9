"""The open places of a configuration: which class stands in each, and with which arguments.

A node names a class in `_target_`; every other key is an argument of its constructor, but for those the slot keeps for
itself. A slot takes classes of one kind only, so that a configuration cannot call anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from star.config.schema import Config, Preparation
from star.config.signature import check_arguments, constructor_names
from star.config.target import locate
from star.config.validate import did_you_mean, is_scalar, nearest, validate
from star.errors import Problem
from star.types import Slot

PREPARATION = {
    "pretrained": None,
    "channel_order": "rgb",
    "mean": [123.675, 116.28, 103.53],
    "std": [58.395, 57.12, 57.375],
}
"""Keys of a backbone that are not the trunk's own, with what they are for one that does not say them (ImageNet)."""
_NAMES = ("reads", "gives")
_RENAMED = {"reads": "reads", "gives": "gives", "on": "reads"}
"""Keys of a node that name tensors anew, and the attribute of its class that has the names they stand for."""
_STANDARD = ("channels", "widths", "identities", "frames", "height", "width", "tracklets", "share")


class Kind(NamedTuple):
    """What a slot takes.

    Attributes:
        words: for messages.
        fits: whether a class is one.
    """

    words: str
    fits: Callable[[type], bool]


def _is_cell(target: type) -> bool:
    return any(base.__name__ == "Cell" and base.__module__.startswith("mindspore.") for base in target.__mro__)


_PART = Kind("a part: a subclass of mindspore.nn.Cell", _is_cell)
_LOSS = Kind(
    "a loss: a subclass of mindspore.nn.Cell with `reads`, the names of the tensors it takes",
    lambda target: _is_cell(target) and (hasattr(target, "reads") or hasattr(target, "requires")),
)
_SAMPLER = Kind("a sampler: a class with `plan` and `batches_per_epoch`", lambda target: hasattr(target, "plan"))
_OPTIMISER = Kind("an optimiser: a class with `build`", lambda target: hasattr(target, "build"))


class Place(NamedTuple):
    """A slot as the schema has it.

    Attributes:
        kind: what it takes.
        given: arguments the builder has for a constructor that names them.
        kept: keys of the node that are the slot's own.
    """

    kind: Kind
    given: tuple[str, ...] = _STANDARD
    kept: tuple[str, ...] = _NAMES


_BACKBONE = Place(_PART, ("frames", "identities", "height", "width", "share"), tuple(PREPARATION))
PLACES: Mapping[str, Place] = {
    "backbone": _BACKBONE,
    "frame_pooling": Place(_PART, _STANDARD, ()),
    "stream": Place(
        _PART,
        (
            *("backbone", "frame_pooling", "style_augmentation", "style_attack", "gain", "style_per"),
            *("permute_channels", "frames", "share"),
        ),
        (),
    ),
    "guidance.frame": Place(_PART),
    "guidance.sequence": Place(_PART, (*_STANDARD, "guide_channels")),
    "aggregation": Place(_PART, (*_STANDARD, "pooling", "backbone")),
    "frame_head": Place(_PART, _STANDARD, ()),
    "clip_head": Place(_PART),
    "branch": Place(_PART, (*_STANDARD, "clip_head")),
    "loss": Place(_LOSS, _STANDARD, ("weight", "on", "from_epoch")),
    "sampler": Place(_SAMPLER, ("split", "identities", "tracklets", "seed", "batches"), ()),
    "optimiser": Place(_OPTIMISER, (), ("factors", "further")),
    "optimiser.further": Place(_OPTIMISER, (), ("parameters", "terms", "learning_rate")),
}


def read_config(values: dict[str, Any], problems: list[Problem], further: Iterable[str] = ()) -> Config:
    """A training configuration checked by its schema.

    A backbone without keys of `PREPARATION` gets the usual ones. To YAML a bare `on` is a truth value; as a key of a
    loss term it is the word.

    Args:
        values: plain containers.
        problems: extended in place.
        further: names of groups, which an unknown key may have been meant to be.
    """
    terms = values.get("loss")
    if isinstance(terms, dict):
        values = {**values, "loss": {name: _with_on(node) for name, node in terms.items()}}
    backbone = values.get("backbone")
    if isinstance(backbone, dict):
        values = {**values, "backbone": {**PREPARATION, **backbone}}
    return validate(values, Config, problems, further=further)


def _with_on(node: Any) -> Any:
    if not isinstance(node, dict) or True not in node:
        return node
    return {"on" if key is True else key: value for key, value in node.items()}


def nodes(config: Config) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(place, dotted key, node) of every class a configuration names; guidance that is off is left out."""
    guided = config.skeleton_graph
    used = {
        "frame": guided is not None and guided.frame_guidance,
        "sequence": guided is not None and guided.sequence_guidance,
    }
    for place in ("backbone", "stream", "frame_pooling", "aggregation", "frame_head", "clip_head"):
        if (node := getattr(config, place)) is not None:
            yield place, place, node
    for name, node in (config.guidance or {}).items():
        if used.get(name):
            yield f"guidance.{name}", f"guidance.{name}", node
    for place in ("branch", "loss"):
        for name, node in (getattr(config, place) or {}).items():
            yield place, f"{place}.{name}", node
    for place in ("sampler", "optimiser"):
        if (node := getattr(config, place)) is not None:
            yield place, place, node
    further = (config.optimiser or {}).get("further") or {}
    for name, node in further.items() if isinstance(further, dict) else ():
        yield "optimiser.further", f"optimiser.further.{name}", node


def fill_slots(config: Config, problems: list[Problem]) -> dict[str, Slot]:
    """Every class a configuration names, by dotted key; a node whose `_target_` is null fills nothing.

    Args:
        config: conforms to the schema.
        problems: extended in place: classes that cannot be imported or are of another kind, arguments that do not fit.
            What has a problem fills no slot.
    """
    slots: dict[str, Slot] = {}
    known = {problem.key for problem in problems}
    for place, key, node in nodes(config):
        if not isinstance(node, dict):
            if key not in known:
                problems.append(Problem(key, repr(node), "a group of keys with `_target_`"))
        elif node.get("_target_", "") is None:
            if place not in ("frame_head",):
                problems.append(Problem(f"{key}._target_", "null", PLACES[place].kind.words))
        elif "_target_" not in node and (meant := _named_alike(config, place, key)):
            problems.append(
                Problem(key, repr(node), f"a term or branch with `_target_`; there is none of this name{meant}")
            )
        elif (slot := _fill(PLACES[place], key, node, problems)) is not None:
            slots[key] = slot
    problems.extend(_wrong_loss_keys(config))
    problems.extend(_unknown_guidance(config))
    preparation_of(config, problems)
    return slots


def _named_alike(config: Config, place: str, key: str) -> str:
    """The term or branch that a misspelt key may mean, as a question; empty if none is near."""
    if place not in ("loss", "branch"):
        return ""
    named = [name for name, node in getattr(config, place).items() if isinstance(node, dict) and "_target_" in node]
    return did_you_mean(key.partition(".")[2], named)


def fill_slot(config: Config, key: str, problems: list[Problem]) -> Slot | None:
    """One place of a configuration, e.g. "sampler"; the others are not looked at."""
    return _fill(PLACES[key], key, getattr(config, key), problems)


def _fill(place: Place, key: str, node: dict[str, Any], problems: list[Problem]) -> Slot | None:
    target = locate(node.get("_target_"), key, problems)
    if target is None:
        return None
    if not isinstance(target, type) or not place.kind.fits(target):
        problems.append(Problem(f"{key}._target_", str(node["_target_"]), place.kind.words))
        return None
    kept = {name: value for name, value in node.items() if name in place.kept}
    arguments = {name: value for name, value in node.items() if name not in place.kept and name != "_target_"}
    named = constructor_names(target)
    given = tuple(name for name in place.given if name in named)
    if not {"height", "width"} <= set(given):
        given = tuple(name for name in given if name not in ("height", "width"))
    before = len(problems)
    problems.extend(_wrong_names(key, target, kept))
    check_arguments(key, target, arguments, given, problems, place.kept)
    if len(problems) > before:
        return None
    return Slot(key, target, arguments, given, kept)


def _wrong_names(key: str, target: type, kept: Mapping[str, Any]) -> Iterator[Problem]:
    for name in [name for name in _RENAMED if name in kept]:
        value, own = kept[name], getattr(target, _RENAMED[name], None)
        if not _are_names(value):
            yield Problem(f"{key}.{name}", repr(value), "a name, a list of names, or {name: other name}")
        elif isinstance(value, dict) and isinstance(own, (tuple, list)):
            for other in [other for other in value if other not in own]:
                yield Problem(f"{key}.{name}.{other}", repr(value[other]), f"no such name{nearest(str(other), own)}")
        elif name == "on" and isinstance(value, list) and isinstance(own, (tuple, list)):
            free = [other for other in own if other not in ("identities", "modality")]
            if len(value) > len(free):
                yield Problem(f"{key}.on", repr(value), f"no more names than the loss reads ({', '.join(free)})")


def _are_names(value: Any) -> bool:
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return all(isinstance(name, str) and name for name in values)


def _wrong_loss_keys(config: Config) -> Iterator[Problem]:
    for name, node in (config.loss or {}).items():
        if not isinstance(node, dict):
            continue
        key = f"loss.{name}"
        if not is_scalar(node.get("weight"), float) or node["weight"] < 0:
            given = "nothing" if node.get("weight") is None else str(node["weight"])
            yield Problem(f"{key}.weight", given, "a number (at least 0)")
        first = node.get("from_epoch", 0)
        if not is_scalar(first, int) or first < 0:
            yield Problem(f"{key}.from_epoch", repr(first), "a number of epochs (at least 0)")


def _unknown_guidance(config: Config) -> Iterator[Problem]:
    for name, node in (config.guidance or {}).items():
        if name not in ("frame", "sequence"):
            yield Problem(f"guidance.{name}", repr(node), "no such key (known here: frame, sequence)")
    guided = config.skeleton_graph
    for name in ("frame", "sequence"):
        if guided is not None and getattr(guided, f"{name}_guidance") and name not in (config.guidance or {}):
            yield Problem(f"guidance.{name}", "nothing", f"a part, or skeleton_graph.{name}_guidance=false")


def preparation_of(config: Config, problems: list[Problem]) -> Preparation:
    """What frames go through before the trunk, and its weights."""
    node = config.backbone or PREPARATION
    return validate({key: node[key] for key in PREPARATION}, Preparation, problems, "backbone")

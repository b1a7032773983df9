"""Validation of a plain nested dictionary by a dataclass: all problems at once."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable
from typing import Any, Literal, TypeVar

from star.errors import Problem

T = TypeVar("T")


def validate(
    value: dict[str, Any], schema: type[T], problems: list[Problem], prefix: str = "", further: Iterable[str] = ()
) -> T:
    """Build `schema` from `value`, appending to `problems` what is missing, unknown, of a wrong type or out of range.

    Args:
        value: plain containers, as `OmegaConf.to_container` gives them.
        schema: a dataclass; its annotations give the types, `field(metadata=...)` the bounds, and `key` the name in
            `value` where that is no name of a field. Of a union of dataclasses the one whose `kind` is given is taken.
        problems: extended in place, keys in dotted form.
        prefix: dotted key of `value` itself, empty at the root.
        further: names beside those of the fields that a key which is unknown may have been meant to be.

    Returns:
        The dataclass; what was wrong is None in it.
    """
    hints = typing.get_type_hints(schema)
    fields = {f.metadata.get("key", f.name): f for f in dataclasses.fields(schema)}  # type: ignore[arg-type]
    for key in value:
        if key not in fields:
            deeper = [] if prefix else _keys_that_end_in(key, value)
            hint = (
                f" (did you mean {deeper[0]}?)"
                if len(deeper) == 1
                else nearest(str(key), dict.fromkeys([*fields, *further]))
            )
            problems.append(Problem(_join(prefix, key), repr(value[key]), f"no such key{hint}"))
    built: dict[str, Any] = {}
    for name, f in fields.items():
        key = _join(prefix, name)
        built[f.name] = None
        if name not in value:
            problems.append(Problem(key, "nothing", describe(hints[f.name], f.metadata)))
        else:
            built[f.name] = _convert(value[name], hints[f.name], f.metadata, key, problems)
    return schema(**built)


def describe(kind: Any, bounds: typing.Mapping[str, Any] | None = None) -> str:
    """What a value must be, in words."""
    bounds = bounds or {}
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if any(map(dataclasses.is_dataclass, arguments)):
            return "a group of keys" + (" or null" if type(None) in arguments else "")
        return " or ".join(describe(a, bounds if a is not type(None) else None) for a in arguments)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin is list:
        plural = {int: "integers", float: "numbers", str: "texts"}[arguments[0]]
        length = f"{bounds['length']} " if bounds.get("length") else ""
        return f"a list of {length}{plural}" + _range(bounds)
    if origin is dict or dataclasses.is_dataclass(kind):
        return "a group of keys"
    words = {bool: "true or false", int: "an integer", float: "a number", str: "a text", type(None): "null"}
    return words.get(kind, str(kind)) + _range(bounds)


def _convert(value: Any, kind: Any, bounds: typing.Mapping[str, Any], key: str, problems: list[Problem]) -> Any:
    def wrong() -> None:
        problems.append(Problem(key, "null" if value is None else repr(value), describe(kind, bounds)))

    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        choices = [a for a in arguments if a is not type(None)]
        if len(choices) > 1 and all(map(dataclasses.is_dataclass, choices)):
            return _convert_choice(value, choices, key, problems)
        mine: list[Problem] = []
        for other in choices:
            mine = []
            result = _convert(value, other, bounds, key, mine)
            if not mine:
                return result
        problems.extend(p._replace(expected=describe(kind, bounds)) if p.key == key else p for p in mine)
        return None
    if dataclasses.is_dataclass(kind):
        if isinstance(value, dict):
            return validate(value, typing.cast(type, kind), problems, key)
        return wrong()
    if origin is Literal:
        return value if any(type(value) is type(a) and value == a for a in arguments) else wrong()
    if origin is list:
        if not isinstance(value, list) or bounds.get("length") not in (None, len(value)):
            return wrong()
        if not value and not bounds.get("empty"):
            return wrong()
        if any(not is_scalar(v, arguments[0]) or not within(v, bounds) for v in value):
            return wrong()
        return [arguments[0](v) for v in value]
    if origin is dict:
        if not isinstance(value, dict):
            return wrong()
        groups = typing.get_origin(arguments[1]) is dict
        problems.extend(
            Problem(_join(key, k), repr(v), "a group of keys")
            for k, v in value.items()
            if groups and not isinstance(v, dict)
        )
        return value
    if is_scalar(value, kind) and within(value, bounds):
        return kind(value)
    return wrong()


def _convert_choice(value: Any, schemas: typing.Sequence[Any], key: str, problems: list[Problem]) -> Any:
    by_kind = {kind: s for s in schemas for kind in typing.get_args(typing.get_type_hints(s)["kind"])}
    if not isinstance(value, dict):
        return problems.append(Problem(key, "null" if value is None else repr(value), "a group of keys"))
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in by_kind:
        return problems.append(Problem(f"{key}.kind", repr(kind), f"one of {', '.join(by_kind)}"))
    return validate(value, by_kind[kind], problems, key)


def is_scalar(value: Any, kind: Any) -> bool:
    """Whether `value` is a `kind`: an integer passes as a number, true and false do not, nor does NaN."""
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def within(value: Any, bounds: typing.Mapping[str, Any]) -> bool:
    """Whether a number is within `minimum`, `above` and `maximum`, those that are given."""
    minimum, above, maximum = (bounds.get(name) for name in ("minimum", "above", "maximum"))
    return (
        (minimum is None or value >= minimum)
        and (above is None or value > above)
        and (maximum is None or value <= maximum)
    )


def _range(bounds: typing.Mapping[str, Any]) -> str:
    words = [
        f"{word} {bounds[name]}"
        for name, word in (("minimum", "at least"), ("above", "above"), ("maximum", "at most"))
        if bounds.get(name) is not None
    ]
    return f" ({' and '.join(words)})" if words else ""


def _join(prefix: str, key: Any) -> str:
    return f"{prefix}.{key}" if prefix else str(key)


def _keys_that_end_in(name: Any, values: dict[Any, Any], prefix: str = "") -> list[str]:
    """Dotted keys of groups within `values` whose last part is `name`."""
    found = []
    for group, inner in values.items():
        if isinstance(inner, dict):
            key = _join(prefix, group)
            found += [_join(key, name)] if name in inner else []
            found += _keys_that_end_in(name, inner, key)
    return found


def nearest(key: str, known: Iterable[str]) -> str:
    """What to say of a key that is not known: the one that was meant, or all there are."""
    known = list(known)
    if not known:
        return " (none can be set here)"
    return did_you_mean(key, known) or f" (known here: {', '.join(known)})"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest, as a question in brackets; empty if none is near."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""

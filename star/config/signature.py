"""A constructor's signature as the schema of a configuration node."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections import abc
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from star.config.validate import describe, is_scalar, nearest, within
from star.errors import Problem

_HYDRA_KEYS = frozenset({"_args_", "_convert_", "_partial_", "_recursive_", "_target_"})
_LISTS = (list, tuple, abc.Sequence, abc.MutableSequence)
_GROUPS = (dict, abc.Mapping, abc.MutableMapping)
_BUILTIN = (types.WrapperDescriptorType, types.BuiltinFunctionType)
_TIGHTER: dict[str, Any] = {"minimum": max, "above": max, "maximum": min, "length": min}
"""The fields that make an object in `Annotated` one of bounds, and which of two values holds if both are given."""


def check_arguments(
    key: str,
    target: Any,
    values: Mapping[str, Any],
    given: Collection[str],
    problems: list[Problem],
    own: Collection[str] = (),
) -> None:
    """Compare the arguments of a configuration node with the signature of what it names, which is not called.

    The types are those of the type hints. A hint that cannot be resolved, or names a class that a configuration cannot
    hold, accepts every value; a list of the configuration passes as a tuple. `Annotated[int, bounds]` holds a number,
    or every number of a list or group, to an object with the attributes `minimum`, `above`, `maximum` and `length`.

    Args:
        key: dotted key of the node.
        target: a class, or a function that returns what the node stands for.
        values: the arguments in the node, without the node's own keys (`_target_` among them).
        given: names the builder supplies where the signature has them.
        problems: extended in place.
        own: keys of the node that are no arguments, for messages.
    """
    try:
        signature = _read(target)
    except (TypeError, ValueError):
        readable = "a class or function whose arguments can be read"
        problems.append(Problem(key, getattr(target, "__qualname__", repr(target)), readable))
        return
    for name, value in values.items():
        problems.extend(_problems_of(f"{key}.{name}", name, value, signature, given, own))
    problems.extend(
        Problem(f"{key}.{name}", "nothing", describe_hint(signature.hints[name]))
        for name, parameter in signature.named.items()
        if parameter.default is inspect.Parameter.empty and name not in values and name not in given
    )


def constructor_names(target: Any) -> set[str]:
    """Names of the arguments `target` can be called with; none where they cannot be read."""
    try:
        return set(_read(target).named)
    except (TypeError, ValueError):
        return set()


class _Signature(NamedTuple):
    named: dict[str, inspect.Parameter]
    hints: dict[str, Any]
    takes_any: bool


def _problems_of(
    key: str, name: str, value: Any, signature: _Signature, given: Collection[str], own: Collection[str]
) -> list[Problem]:
    named = signature.named
    problems = list(_nested_targets(value, key))
    if name not in named:
        if name in _HYDRA_KEYS or not signature.takes_any:
            problems.append(_unknown(key, name, value, [*own, *(other for other in named if other not in given)]))
    elif name in given:
        derived = f"no such key here (derived: the builder gives {name}; leave it out)"
        problems.append(Problem(key, _words(value), derived))
    elif not problems and not _accepts(named[name], signature.hints[name], value):
        problems.append(Problem(key, _words(value), describe_hint(signature.hints[name])))
    return problems


def _unknown(key: str, name: str, value: Any, settable: list[str]) -> Problem:
    hint = nearest(str(name), settable)
    return Problem(key, _words(value), f"no such key{hint}")


def _words(value: Any) -> str:
    return "null" if value is None else repr(value)


def _nested_targets(value: Any, key: str) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        if "_target_" in value:
            expected = "no class here (a configuration names classes in its slots only)"
            yield Problem(f"{key}._target_", _words(value["_target_"]), expected)
        for name, inner in value.items():
            yield from _nested_targets(inner, f"{key}.{name}")
    elif isinstance(value, (list, tuple)):
        for position, inner in enumerate(value):
            yield from _nested_targets(inner, f"{key}.{position}")


def _read(target: Any) -> _Signature:
    """What a caller of `target` can name, with the types.

    Raises:
        TypeError, ValueError: there is no signature to read.
    """
    parameters, namespaces = _parameters(inspect.unwrap(target))
    named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    hints = {name: _resolve(p.annotation, namespaces) for name, p in named.items()}
    return _Signature(named, hints, any(p.kind is p.VAR_KEYWORD for p in parameters))


def _parameters(target: Any) -> tuple[list[inspect.Parameter], list[dict[str, Any]]]:
    """The parameters of a call, and the namespaces in which their annotations have a meaning, best first."""
    if not isinstance(target, type):
        return list(inspect.signature(target).parameters.values()), [getattr(target, "__globals__", {})]
    function = _constructor(target)
    if function is None:
        return [], []
    if isinstance(function, _BUILTIN):
        return list(inspect.signature(target).parameters.values()), [{}]
    _, *parameters = inspect.signature(function).parameters.values()
    # A dataclass's own __init__ repeats annotations of its bases, which may come from other modules.
    modules = [sys.modules.get(base.__module__) for base in target.__mro__]
    return parameters, [getattr(inspect.unwrap(function), "__globals__", {}), *(vars(m) for m in modules if m)]


def _constructor(kind: type) -> Any:
    """`__init__`, else `__new__`, whatever a metaclass shows; None if both are those of `object`.

    `typing` puts an `__init__` of its own into every protocol, which passes everything on.
    """
    for name in ("__init__", "__new__"):
        for base in kind.__mro__[:-1]:
            if name in vars(base) and getattr(vars(base)[name], "__module__", None) != "typing":
                return getattr(base, name)
    return None


def _resolve(annotation: Any, namespaces: list[dict[str, Any]]) -> Any:
    if annotation is inspect.Parameter.empty:
        return Any
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    for namespace in namespaces:
        try:
            hint = typing.get_type_hints(holder, namespace, include_extras=True)["it"]
        except Exception:  # an annotation in quotes may be any expression
            continue
        return hint.type if isinstance(hint, dataclasses.InitVar) else hint
    return Any


def _accepts(parameter: inspect.Parameter, hint: Any, value: Any) -> bool:
    return (value is None and parameter.default is None) or _fits(value, hint, {})


def _fits(value: Any, hint: Any, outer: Mapping[str, Any]) -> bool:
    hint, bounds = _unpack(hint, outer)
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument, bounds) for argument in arguments)
    if origin is Literal:
        return any(type(value) is type(argument) and value == argument for argument in arguments)
    if origin in _LISTS:
        return isinstance(value, (list, tuple)) and _fits_list(value, hint, bounds)
    if origin in _GROUPS:
        names, values = arguments or (Any, Any)
        return isinstance(value, Mapping) and all(
            _fits(name, names, {}) and _fits(inner, values, bounds) for name, inner in value.items()
        )
    if hint in (int, float):
        return is_scalar(value, hint) and within(value, bounds)
    return hint not in (bool, str, types.NoneType) or isinstance(value, hint)


def _fits_list(values: Collection[Any], hint: Any, bounds: Mapping[str, Any]) -> bool:
    elements = _elements(hint)
    if bounds.get("length") not in (None, len(values)):
        return False
    if isinstance(elements, tuple):
        return len(values) == len(elements) and all(
            _fits(value, element, _of_elements(bounds)) for value, element in zip(values, elements, strict=True)
        )
    return all(_fits(value, elements, _of_elements(bounds)) for value in values)


def _elements(hint: Any) -> Any:
    """The type of every element of a list, or the types one by one as a tuple where the hint gives their number."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and arguments and arguments[-1] is not Ellipsis:
        return arguments
    return arguments[0] if arguments else Any


def _unpack(hint: Any, outer: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A hint without `Annotated`, and the bounds in it together with those around it."""
    bounds = dict(outer)
    if typing.get_origin(hint) is not Annotated:
        return hint, bounds
    hint, *extras = typing.get_args(hint)
    for extra in extras:
        if all(hasattr(extra, name) for name in _TIGHTER):
            for name, tighter in _TIGHTER.items():
                both = [b for b in (bounds.get(name), getattr(extra, name)) if b is not None]
                bounds[name] = tighter(both, default=None)
    return hint, bounds


def _of_elements(bounds: Mapping[str, Any]) -> dict[str, Any]:
    return {**bounds, "length": None}


def describe_hint(hint: Any, outer: Mapping[str, Any] | None = None) -> str:
    """What a value must be, in words."""
    hint, bounds = _unpack(hint, outer or {})
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe_hint(argument, bounds) for argument in arguments)
    if origin in _LISTS:
        return _describe_list(_elements(hint), bounds)
    if origin in _GROUPS:
        each = arguments[1] if arguments else Any
        return "a group of keys" + ("" if each is Any else f", each {describe_hint(each, bounds)}")
    if hint in (int, float):
        return describe(hint, bounds)
    if origin is Literal or hint in (bool, str, types.NoneType):
        return describe(hint)
    return "a value" if hint is Any else f"a value of type {inspect.formatannotation(hint)}"


def _describe_list(elements: Any, bounds: Mapping[str, Any]) -> str:
    length = bounds.get("length")
    if isinstance(elements, tuple):
        if any(element != elements[0] for element in elements):
            words = ", ".join(describe_hint(element, _of_elements(bounds)) for element in elements)
            return f"a list of {len(elements)}: {words}"
        elements, length = elements[0], len(elements)
    element, inner = _unpack(elements, _of_elements(bounds))
    if element in (int, float, str):
        return describe(list[element], {**inner, "length": length})
    each = "" if element is Any else f", each {describe_hint(element, inner)}"
    return f"a list of {length}{each}" if length else f"a list{each}"

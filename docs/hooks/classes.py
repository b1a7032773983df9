"""Classes that a configuration names, read from their source without importing it."""

from __future__ import annotations

import collections.abc
import inspect
import re
import typing
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import griffe

import star.bounds
from star.config.signature import describe_hint

_NAMES: dict[str, Any] = vars(typing) | vars(collections.abc) | {"Bounds": star.bounds.Bounds}
"""What annotations of arguments may name."""
_SECTION = re.compile(r"^(?:Args|Attributes):\n((?:    .*\n?|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^    ([\w, ]+): (.*(?:\n     .*)*)", re.MULTILINE)


class Argument(NamedTuple):
    """One argument of a constructor.

    Attributes:
        name: its keyword.
        default: as written, None without one.
        accepts: what a value must be, in words.
        meaning: the docstring's text.
    """

    name: str
    default: str | None
    accepts: str
    meaning: str


class ReadClass(NamedTuple):
    """A class as a configuration sees it.

    Attributes:
        about: first paragraph of its docstring.
        arguments: of its constructor, by name.
    """

    about: str
    arguments: dict[str, Argument]


@cache
def _package(root: Path) -> Any:
    return griffe.load("star", search_paths=[root])


def read_class(root: Path, target: str, given: Collection[str]) -> ReadClass:
    """Read a class of `star`.

    Args:
        root: the checkout.
        target: full name of the class.
        given: arguments that the builder has; they are left out.
    """
    found = _package(root)[target.removeprefix("star.")]
    found = found.final_target if found.is_alias else found
    texts: dict[str, str] = {}
    for kind in [*reversed(_mro(found)), found]:
        texts |= described(kind)
    arguments = {
        parameter.name: Argument(
            parameter.name,
            None if parameter.default is None else str(parameter.default),
            _accepts(parameter.annotation),
            texts.get(parameter.name, ""),
        )
        for parameter in _parameters(found)
        if parameter.name not in ("self", *given) and not parameter.name.startswith("*")
    }
    return ReadClass(_first_paragraph(found), arguments)


def attributes_of(root: Path, name: str) -> dict[str, str]:
    """What the docstring of a class says of its attributes."""
    return described(_package(root)[name.removeprefix("star.")])


def described(kind: Any) -> dict[str, str]:
    """What a docstring says of arguments and attributes, by name; several may share a text."""
    texts = {}
    docstring = inspect.cleandoc(kind.docstring.value) if kind.docstring else ""
    for section in _SECTION.findall(docstring):
        for names, text in _ENTRY.findall(section):
            texts |= dict.fromkeys(names.split(", "), " ".join(text.split()).rstrip("."))
    return texts


def _mro(kind: Any) -> list[Any]:
    """Bases in this package; those of other packages are not read."""
    bases = []
    for base in kind.bases:
        path = base if isinstance(base, str) else base.canonical_path
        if path.startswith("star."):
            near = kind.package[path.removeprefix("star.")]
            bases += [near, *_mro(near)]
    return bases


def _parameters(kind: Any) -> list[Any]:
    for holder in (kind, *_mro(kind)):
        if "__init__" in holder.members:
            return list(holder.members["__init__"].parameters)
    return []


def _first_paragraph(kind: Any) -> str:
    text = kind.docstring.value if kind.docstring else ""
    return " ".join(text.partition("\n\n")[0].split())


def _accepts(annotation: Any) -> str:
    text = str(annotation)
    try:
        return describe_hint(eval(text, dict(_NAMES)))
    except NameError:
        return text

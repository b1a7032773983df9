"""Bounds of values that users give.

A constructor says them in its annotation, `rate: Annotated[float, Bounds(above=0)]`, a dataclass of options in the
metadata of its fields, `rate: float = number(above=0)`.
"""

from collections.abc import Callable
from dataclasses import MISSING, field
from typing import Any, NamedTuple


class Bounds(NamedTuple):
    """Where a number, or every number of a list, must lie; None sets no bound.

    Attributes:
        minimum: the smallest allowed.
        above: not allowed itself, everything above it is.
        maximum: the largest allowed.
        length: of the list.
    """

    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    length: int | None = None


class Relation(NamedTuple):
    """What a key of a group of options must fulfil that its bounds cannot say.

    Attributes:
        key: the one to change.
        holds: called with the options and the group they are in.
        expected: in words; `{options.KEY}` and `{group.KEY}` stand for values.
    """

    key: str
    holds: Callable[[Any, Any], bool]
    expected: str


def number(
    *, default: Any = MISSING, minimum: float | None = None, above: float | None = None, maximum: float | None = None
) -> Any:
    """A field for a number, or a list of numbers, within bounds; `above` excludes its value."""
    return field(default=default, metadata={"minimum": minimum, "above": above, "maximum": maximum})


def numbers(length: int | None, *, empty: bool = False, **bounds: float) -> Any:
    """A field for `length` numbers (None: any number of them, zero only if `empty`) within the bounds of `number`."""
    return field(metadata={"length": length, "empty": empty, **bounds})


def probability(default: Any = MISSING) -> Any:
    """A field for a number in 0..1."""
    return number(default=default, minimum=0, maximum=1)

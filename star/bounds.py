"""Bounds of a constructor's argument, said in its annotation: `rate: Annotated[float, Bounds(above=0)]`."""

from typing import NamedTuple


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

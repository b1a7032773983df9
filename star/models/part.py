"""The contract of a network's parts: the tensors they read and give, by name.

A part is a MindSpore cell whose `construct` takes and returns plain tensors. It tells the names of these tensors in two
attributes, of the class or of the instance, and may tell more:

| attribute                                   | meaning                                                               |
|---------------------------------------------|-----------------------------------------------------------------------|
| `reads`, `gives`                            | names of the tensors `construct` takes and returns, in their order    |
| `training_only = False`                     | whether the part is left out of the retrieval feature                 |
| `out_channels`                              | width of what it gives; a dictionary by name where widths differ      |
| `across_rows = False`                       | whether a row of what it gives depends on rows of other identities    |
|                                             | than its own; those of one identity are never in two processes        |
| `paired_rows = False`                       | whether it needs row i and row i + n/2 to be of one identity          |
| `non_negative = False`                      | whether its features cannot be below zero; of an aggregation: what it |
|                                             | gives guided pooling in the place of its mean, whatever its frames    |
| `is_mean_over_frames = False`               | an aggregation whose place the guided pooling can take                |
| `stem(frames, infrared)`, `stages`          | of a trunk: a stem for each modality, and its cells in their order    |
| `more_gives`                                | of a frame pooling: names of what it gives beside the features        |
| `one_stem = False`                          | of a trunk with `stem`: one serves both modalities                    |
| `embed`, `embedding_channels`               | of a clip head: the retrieval feature and its width                   |
| `streams = 1`                               | of an encoder: 2 if it reads clips of frames and their anaglyphs      |
| `widths`                                    | of an encoder: {name: width} of what it gives in other widths than d  |
| `unit_length = True`                        | of a clip head: whether retrieval features get length 1               |
| `translated(tensors)`, `expects`            | of what reads weights with names of its own, see `pretrained.py`      |
| `random_inputs(rng, clips, frames)`         | arrays by name that the host draws for every step                     |
| `initial`                                   | {pattern of a parameter's name: distribution}, see `initial.py`       |

A constructor gets from the builder those of `GIVEN` that its signature names; everything else comes from the
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

GIVEN = (
    *("channels", "widths", "identities", "frames", "height", "width", "tracklets", "share"),
    *("pooling", "backbone", "clip_head"),
)
"""What the builder can give to a constructor.

| name              | value                                                                                      |
|-------------------|--------------------------------------------------------------------------------------------|
| `channels`        | width of the first tensor the part reads                                                   |
| `widths`          | {name of a tensor: its width}, of all tensors known so far                                 |
| `identities`      | k, classes of the training set                                                             |
| `frames`          | T of every clip                                                                            |
| `height`, `width` | of the frames in pixels, to a signature that names both                                    |
| `tracklets`       | K, tracklets of an identity (and modality) in a batch                                      |
| `share`           | `star.types.Share`: which rows of the batch this process has                               |
| `pooling`         | to an aggregation: the mean over the frames, or the guided pooling in its place            |
| `clip_head`       | to a branch: the clip head, if it was built, for what they share                           |
| `backbone`        | to an aggregation: the trunk, whose parameters stay its own                                |
"""


class Part(Protocol):
    """A cell that names what it reads and gives; the table above has what else it may tell."""

    reads: tuple[str, ...]
    gives: tuple[str, ...]


class Wire(NamedTuple):
    """One row of a network's table: which cell is called with what.

    Attributes:
        name: of the part; its parameters are called `<name>.<...>`.
        key: of the configuration, for messages.
        cell: the part.
        reads, gives: names of tensors.
        training_only: not called for retrieval features.
    """

    name: str
    key: str
    cell: Any
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    training_only: bool = False


def wire(name: str, key: str, cell: Any, names: Mapping[str, Any] | None = None, **fixed: Any) -> Wire:
    """The row of a part, from what it tells of itself.

    Args:
        name: of the part.
        key: of the configuration.
        cell: the part.
        names: `reads` and `gives` of the configuration: lists that replace the part's own, or dictionaries that rename.
        fixed: fields of the row that are not the part's to tell.
    """
    names = names or {}
    row = Wire(
        name,
        key,
        cell,
        _renamed(_names(getattr(cell, "reads", ())), names.get("reads")),
        _renamed(_names(getattr(cell, "gives", ())), names.get("gives")),
        bool(getattr(cell, "training_only", False)),
    )
    return row._replace(**fixed)


def random_inputs_of(cell: Any, rng: np.random.Generator, clips: int, frames: int) -> dict[str, np.ndarray]:
    """What a part has drawn for one step; empty for a part that draws nothing."""
    draw = getattr(cell, "random_inputs", None)
    return {} if draw is None else dict(draw(rng, clips, frames))


def _renamed(own: tuple[str, ...], given: Any) -> tuple[str, ...]:
    if given is None:
        return own
    if isinstance(given, Mapping):
        return tuple(str(given.get(name, name)) for name in own)
    return _names(given)


def _names(given: Any) -> tuple[str, ...]:
    """Of a list of names, or of one name."""
    return (given,) if isinstance(given, str) else tuple(map(str, given))

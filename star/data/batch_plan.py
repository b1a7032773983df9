"""Plans of samplers: the tracklets of every batch of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from star.errors import DataError
from star.types import Split


class BatchPlan(NamedTuple):
    """One batch; row i of both modalities has the identity labels[i].

    Attributes:
        visible, infrared: [b] int64, positions in `split.tracklets`.
        labels: [b] int32, positions in `split.identities`.
    """

    visible: np.ndarray
    infrared: np.ndarray
    labels: np.ndarray


class MixedPlan(NamedTuple):
    """One batch of any modalities; K rows of one identity follow each other.

    Attributes:
        tracklets: [n] int64, positions in `split.tracklets`.
        labels: [n] int32, positions in `split.identities`.
    """

    tracklets: np.ndarray
    labels: np.ndarray


class Sampler(Protocol):
    """What plans training epochs; made with those of `split, identities, tracklets, seed, batches` that it names.

    Attributes:
        batches_per_epoch: of every epoch.
        mixed: whether its plans are `MixedPlan`s, blind to the modality; `BatchPlan`s otherwise.
    """

    batches_per_epoch: int
    mixed: ClassVar[bool]

    def plan(self, epoch: int) -> Sequence[BatchPlan] | Sequence[MixedPlan]:
        """The batches of one epoch, counted from 0: a pure function of seed and epoch, each of P x K rows."""
        ...


def check_plan(plan: Sequence[BatchPlan] | Sequence[MixedPlan], split: Split, rows: int) -> None:
    """Check what a sampler has planned for a split.

    Args:
        plan: of an epoch.
        split: training tracklets.
        rows: P x K of every batch.

    Raises:
        DataError: a batch of another size, a label that is not the tracklet's, or a tracklet of the wrong modality.
    """
    labels = {identity: label for label, identity in enumerate(split.identities)}
    of_tracklet = np.array([labels[tracklet.identity] for tracklet in split.tracklets])
    infrared = np.array([tracklet.modality == "infrared" for tracklet in split.tracklets])
    for number, batch in enumerate(plan):
        mixed = isinstance(batch, MixedPlan)
        columns = [batch.tracklets] if mixed else [batch.visible, batch.infrared]
        problem = ""
        if any(len(column) != rows for column in (*columns, batch.labels)):
            problem = f"{len(batch.labels)} rows, expected schedule.identities x schedule.tracklets = {rows}"
        elif any(column.min() < 0 or column.max() >= len(of_tracklet) for column in columns):
            problem = f"a tracklet that is none of the {len(of_tracklet)} of split {split.name!r}"
        elif any((of_tracklet[column] != batch.labels).any() for column in columns):
            problem = "a label that is not its tracklet's place in split.identities"
        elif not mixed and (infrared[batch.visible].any() or not infrared[batch.infrared].all()):
            problem = "an infrared tracklet among the visible ones, or the other way round"
        if problem:
            raise DataError(f"sampler: batch {number} has {problem}")

"""Batches that go through all identities in rounds."""

from typing import Annotated, ClassVar

import numpy as np

from star.bounds import Bounds
from star.data.sampler import BatchPlan
from star.errors import DataError
from star.types import MODALITIES, Split


class Rounds:
    """P identities a batch in a random order; a round ends when fewer than P are left, which are left out.

    The K tracklets of an identity and modality are drawn with replacement.

    Args:
        split: from the builder: training tracklets.
        identities: from the builder: P.
        tracklets: from the builder: K.
        seed: from the builder.
        batches: from the builder: `schedule.batches_per_epoch`; None: `rounds` decides.
        rounds: of an epoch.

    Attributes:
        batches_per_epoch: of every epoch.

    Raises:
        DataError: fewer than P identities have both modalities.
    """

    mixed: ClassVar[bool] = False

    def __init__(
        self,
        split: Split,
        identities: int,
        tracklets: int,
        seed: int,
        batches: int | None = None,
        rounds: Annotated[int, Bounds(minimum=1)] = 1,
    ) -> None:
        rows = {(person, m): [] for person in split.identities for m in MODALITIES}
        for position, tracklet in enumerate(split.tracklets):
            rows[tracklet.identity, tracklet.modality].append(position)
        self._labels = [
            label for label, person in enumerate(split.identities) if all(rows[person, m] for m in MODALITIES)
        ]
        self._rows = {m: [rows[person, m] for person in split.identities] for m in MODALITIES}
        self._identities, self._tracklets, self._seed = identities, tracklets, seed
        if len(self._labels) < identities:
            raise DataError(
                f"schedule.identities={identities}, but {len(self._labels)} identities have both modalities"
            )
        self.batches_per_epoch = batches or rounds * (len(self._labels) // identities)

    def plan(self, epoch: int) -> list[BatchPlan]:
        """The batches of one epoch, from the seed and the epoch's number alone."""
        rng = np.random.default_rng([self._seed, epoch])
        return [self._batch(labels, rng) for labels in self._rounds(rng)]

    def _rounds(self, rng: np.random.Generator) -> list[np.ndarray]:
        groups: list[np.ndarray] = []
        while len(groups) < self.batches_per_epoch:
            order = rng.permutation(self._labels)
            whole = len(order) // self._identities
            groups += np.split(order[: whole * self._identities], whole)
        return groups[: self.batches_per_epoch]

    def _batch(self, labels: np.ndarray, rng: np.random.Generator) -> BatchPlan:
        visible, infrared = (
            np.concatenate([rng.choice(self._rows[m][label], self._tracklets) for label in labels]) for m in MODALITIES
        )
        return BatchPlan(visible, infrared, np.repeat(labels, self._tracklets).astype(np.int32))

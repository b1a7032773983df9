"""P x K batches over both modalities, rows paired by identity (method, section "Training recipe").

A plan is a pure function of seed and epoch. Identities are dealt like cards: all of them once, in random order, before
any comes again; so are the tracklets of an identity in each modality.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from star.errors import DataError
from star.types import MODALITIES, Modality, Split, Tracklet

_PLAN_STREAM = 1


class BatchPlan(NamedTuple):
    """One batch; row i of both modalities has the identity labels[i].

    Attributes:
        visible, infrared: [b] int64, positions in `split.tracklets`.
        labels: [b] int32, positions in `split.identities`.
    """

    visible: np.ndarray
    infrared: np.ndarray
    labels: np.ndarray


class _Deck:
    """Deals items in random order; every item comes once before any comes again."""

    def __init__(self, items: Sequence[int], rng: np.random.Generator):
        self._items = np.asarray(items)
        self._rng = rng
        self._rest: list[int] = []

    def deal(self, count: int) -> list[int]:
        """`count` items, all different if there are so many."""
        hand: list[int] = []
        while count - len(hand) > len(self._rest):
            held = self._rest
            hand += held
            shuffled = self._rng.permutation(self._items).tolist()
            # Cards already in this hand go under the ones that are not, unless the hand needs all of them anyway.
            head = [card for card in shuffled if card not in held][: count - len(hand)]
            self._rest = [*head, *(card for card in shuffled if card not in head)]
        missing = count - len(hand)
        hand += self._rest[:missing]
        self._rest = self._rest[missing:]
        return hand


def epoch_plan(
    split: Split, *, identities: int, tracklets: int, seed: int, epoch: int, batches: int | None = None
) -> list[BatchPlan]:
    """The batches of one epoch.

    An identity with fewer tracklets of a modality than K repeats them; identities without one of the modalities are
    left out (see `unpaired_identities`).

    Args:
        split: training tracklets of both modalities.
        identities: P, per batch.
        tracklets: K, per identity and modality.
        seed: not negative.
        epoch: counted from 0.
        batches: None takes `default_batches`.

    Raises:
        DataError: the split has fewer than P identities with both modalities.
    """
    pools = _pools(split.tracklets)
    if identities > len(pools):
        raise DataError(
            f"batch larger than the identities: schedule.identities={identities} different identities a batch, but "
            f"split {split.name!r} of {split.frames.path} has {len(pools)} with tracklets in both modalities; "
            f"give schedule.identities={len(pools)} or less"
        )
    if batches is None:
        batches = default_batches(split, identities=identities, tracklets=tracklets)
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([_PLAN_STREAM, seed, epoch])))
    label_of = {identity: label for label, identity in enumerate(split.identities)}
    people = _Deck(sorted(pools), rng)
    decks = {identity: {m: _Deck(pools[identity][m], rng) for m in MODALITIES} for identity in sorted(pools)}
    plan = []
    for _ in range(batches):
        dealt = people.deal(identities)
        visible, infrared = (
            np.array([row for identity in dealt for row in decks[identity][m].deal(tracklets)]) for m in MODALITIES
        )
        labels = np.repeat(np.array([label_of[identity] for identity in dealt], np.int32), tracklets)
        plan.append(BatchPlan(visible, infrared, labels))
    return plan


def default_batches(split: Split, *, identities: int, tracklets: int) -> int:
    """min(visible, infrared tracklets of identities with both) // (P * K), at least 1."""
    pools = _pools(split.tracklets).values()
    return max(1, min(sum(len(pool[m]) for pool in pools) for m in MODALITIES) // (identities * tracklets))


def unpaired_identities(tracklets: Sequence[Tracklet]) -> list[str]:
    """A note for the user if identities lack a modality, which keeps them out of every training batch."""
    people = {t.identity for t in tracklets}
    unpaired = sorted(people - _pools(tracklets).keys())
    if not unpaired:
        return []
    shown = ", ".join(map(str, unpaired[:10])) + (", ..." if len(unpaired) > 10 else "")
    return [
        f"{len(unpaired)} of {len(people)} training identities have tracklets of one modality only and are in no "
        f"batch: {shown}"
    ]


def _pools(tracklets: Sequence[Tracklet]) -> dict[int, dict[Modality, list[int]]]:
    """Positions of the tracklets by identity and modality, of the identities that have both."""
    pools: dict[int, dict[Modality, list[int]]] = {}
    for position, tracklet in enumerate(tracklets):
        pool = pools.setdefault(tracklet.identity, {"visible": [], "infrared": []})
        pool[tracklet.modality].append(position)
    return {identity: pool for identity, pool in pools.items() if all(pool.values())}

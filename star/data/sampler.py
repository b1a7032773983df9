"""P x K batches over both modalities: rows paired by identity, or any mix of modalities.

`PairedSampler` is that of the method, section "Training recipe". Identities are dealt like cards: all of them once, in
random order, before any comes again; so are the tracklets of an identity in each modality. `DrawingSampler` is that of
the releases of MITML, SAADG and STAR, `ModalityBlindSampler` that of M3-ReID's code. Every plan is a pure function of
seed and epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import ClassVar

import numpy as np

from star.data.batch_plan import BatchPlan, MixedPlan
from star.errors import DataError
from star.types import MODALITIES, Modality, Split, Tracklet

_PLAN_STREAM = 1
_BLIND_STREAM = 3
_DRAWING_STREAM = 4


class PairedSampler:
    """P identities a batch, K tracklets of each in either modality; see `epoch_plan`.

    Args:
        split: training tracklets of both modalities.
        identities: P, per batch.
        tracklets: K, per identity and modality.
        seed: not negative.
        batches: per epoch; None takes `default_batches`.

    Attributes:
        batches_per_epoch: of every epoch.

    Raises:
        DataError: the split has fewer than P identities with both modalities.
    """

    mixed: ClassVar[bool] = False

    def __init__(self, split: Split, *, identities: int, tracklets: int, seed: int, batches: int | None = None) -> None:
        _paired_pools(split, identities)
        if batches is None:
            batches = default_batches(split, identities=identities, tracklets=tracklets)
        self.batches_per_epoch = batches
        self._split, self._identities, self._tracklets, self._seed = split, identities, tracklets, seed

    def plan(self, epoch: int) -> list[BatchPlan]:
        """The batches of one epoch, counted from 0."""
        return epoch_plan(
            self._split,
            identities=self._identities,
            tracklets=self._tracklets,
            seed=self._seed,
            epoch=epoch,
            batches=self.batches_per_epoch,
        )


class DrawingSampler:
    """As `PairedSampler`, but every batch draws anew: P different identities, K tracklets of each with replacement.

    So an identity can be missing from a whole epoch, and a batch can have a tracklet twice, with other frames.

    Args:
        split, identities, tracklets, seed, batches: as of `PairedSampler`.

    Attributes:
        batches_per_epoch: of every epoch.

    Raises:
        DataError: the split has fewer than P identities with both modalities.
    """

    mixed: ClassVar[bool] = False

    def __init__(self, split: Split, *, identities: int, tracklets: int, seed: int, batches: int | None = None) -> None:
        self._pools = _paired_pools(split, identities)
        self._label_of = {identity: label for label, identity in enumerate(split.identities)}
        self._identities, self._tracklets, self._seed = identities, tracklets, seed
        default = default_batches(split, identities=identities, tracklets=tracklets)
        self.batches_per_epoch = default if batches is None else batches

    def plan(self, epoch: int) -> list[BatchPlan]:
        """The batches of one epoch, counted from 0."""
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([_DRAWING_STREAM, self._seed, epoch])))
        return [self._batch(rng) for _ in range(self.batches_per_epoch)]

    def _batch(self, rng: np.random.Generator) -> BatchPlan:
        drawn = rng.choice(sorted(self._pools), self._identities, replace=False).tolist()
        visible, infrared = (
            np.concatenate([rng.choice(self._pools[identity][m], self._tracklets) for identity in drawn])
            for m in MODALITIES
        )
        labels = [self._label_of[identity] for identity in drawn]
        return BatchPlan(visible, infrared, np.repeat(np.array(labels, np.int32), self._tracklets))


class ModalityBlindSampler:
    """P identities a batch, K tracklets of each whatever their modality, as in M3-ReID's code.

    The tracklets of an identity, both modalities together, are shuffled and cut in groups of K; a rest is dropped, and
    of fewer than K tracklets K are drawn with replacement for the one group. Every batch takes a group of P different
    identities at random, until fewer than P have groups left. An identity may come in one modality only.

    There the length of an epoch depends on the draw. Here `batches_per_epoch` is by default a number that every draw
    reaches: in the end, groups of no more than P - 1 identities are left over. If more batches are wanted, all
    tracklets are shuffled and cut anew as often as needed.

    Args:
        split: training tracklets.
        identities: P, per batch.
        tracklets: K, per identity.
        seed: not negative.
        batches: per epoch; None: as many as every draw gives.

    Attributes:
        batches_per_epoch: of every epoch.

    Raises:
        DataError: the split has fewer than P identities.
    """

    mixed: ClassVar[bool] = True

    def __init__(self, split: Split, *, identities: int, tracklets: int, seed: int, batches: int | None = None) -> None:
        self._pools: dict[int, list[int]] = {label: [] for label in range(len(split.identities))}
        label_of = {identity: label for label, identity in enumerate(split.identities)}
        for position, tracklet in enumerate(split.tracklets):
            self._pools[label_of[tracklet.identity]].append(position)
        if identities > len(self._pools):
            raise _too_few(split, identities, len(self._pools), "tracklets")
        self._identities, self._tracklets, self._seed = identities, tracklets, seed
        self.batches_per_epoch = self._sure_batches() if batches is None else batches

    def plan(self, epoch: int) -> list[MixedPlan]:
        """The batches of one epoch, counted from 0."""
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([_BLIND_STREAM, self._seed, epoch])))
        return list(islice(self._batches(rng), self.batches_per_epoch))

    def _batches(self, rng: np.random.Generator) -> Iterator[MixedPlan]:
        """Batches without end, over fresh groups whenever those left are of too few identities."""
        while True:
            groups = {label: _groups(pool, self._tracklets, rng) for label, pool in self._pools.items()}
            while len(groups) >= self._identities:
                labels = rng.choice(list(groups), self._identities, replace=False)
                rows = np.concatenate([groups[label].pop() for label in labels.tolist()])
                yield MixedPlan(rows, np.repeat(labels, self._tracklets).astype(np.int32))
                groups = {label: rest for label, rest in groups.items() if rest}

    def _sure_batches(self) -> int:
        """What no draw falls below.

        In the end at least one of the P identities with the most groups has none left, and gave one a batch at most.
        """
        groups = sorted(max(1, len(pool) // self._tracklets) for pool in self._pools.values())
        given = sum(groups[: len(groups) - self._identities + 1])
        return max(-(-given // self._identities), groups[-self._identities])


def _groups(pool: Sequence[int], size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """[size] int64 positions of each group of one identity, at least one."""
    positions = np.array(pool, np.int64)
    if len(positions) < size:
        return [rng.choice(positions, size)]
    whole = len(positions) // size * size
    return list(rng.permutation(positions)[:whole].reshape(-1, size))


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
    pools = _paired_pools(split, identities)
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


def _paired_pools(split: Split, identities: int) -> Mapping[int, Mapping[Modality, list[int]]]:
    pools = _pools(split.tracklets)
    if identities > len(pools):
        raise _too_few(split, identities, len(pools), "tracklets in both modalities")
    return pools


def _too_few(split: Split, identities: int, found: int, owned: str) -> DataError:
    return DataError(
        f"batch larger than the identities: schedule.identities={identities} different identities a batch, but "
        f"split {split.name!r} of {split.frames.path} has {found} with {owned}; "
        + (
            f"give schedule.identities={found} or less"
            if found
            else "no batch can be made: give another data set, or lower dataset.min_frames"
        )
    )


def _pools(tracklets: Sequence[Tracklet]) -> dict[int, dict[Modality, list[int]]]:
    """Positions of the tracklets by identity and modality, of the identities that have both."""
    pools: dict[int, dict[Modality, list[int]]] = {}
    for position, tracklet in enumerate(tracklets):
        pool = pools.setdefault(tracklet.identity, {"visible": [], "infrared": []})
        pool[tracklet.modality].append(position)
    return {identity: pool for identity, pool in pools.items() if all(pool.values())}

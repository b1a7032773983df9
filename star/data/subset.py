"""A subset of a data set for debugging: the lowest identities of train and of test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from star.errors import DataError
from star.types import Retrieval, Split, Tracklet, VideoReIDData


def limit_identities(data: VideoReIDData, count: int) -> VideoReIDData:
    """Keep the tracklets of the lowest `count` identities of train, and of all test splits together.

    Raises:
        DataError: a split is left without tracklets.
    """
    train = _lowest(data.train.tracklets, count)
    test = _lowest((t for split in data.test_splits for t in split.tracklets), count)

    def kept(split: Split, allowed: set[int]) -> Split:
        tracklets = tuple(t for t in split.tracklets if t.identity in allowed)
        if not tracklets:
            raise DataError(f"no {split.name} tracklet is left with debug.limit_identities={count}; give a larger one")
        return replace(split, tracklets=tracklets)

    splits = {split.name: kept(split, test) for split in data.test_splits}
    return replace(
        data,
        protocol=f"{data.protocol}, first {count} identities",
        train=kept(data.train, train),
        test={d: Retrieval(splits[pair.query.name], splits[pair.gallery.name]) for d, pair in data.test.items()},
    )


def _lowest(tracklets: Iterable[Tracklet], count: int) -> set[int]:
    return set(sorted({t.identity for t in tracklets})[:count])

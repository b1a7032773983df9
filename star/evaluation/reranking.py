"""Re-ranking of a test set, under the filter of its protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np

from star.evaluation.ranking import rank
from star.types import RERANKED_TAG, Direction, Reranking, Scores, Split, VideoReIDData

Features = TypeVar("Features")


class Reranked(NamedTuple):
    """A re-ranked test set.

    Attributes:
        kind: as metrics and columns name it.
        scores: by direction.
        options: what it was done with, e.g. "k1=20 k2=6 weight=0.3".
    """

    kind: Reranking
    scores: Mapping[Direction, Scores]
    options: str = ""

    def tags(self) -> dict[str, str]:
        """What a run keeps beside the metrics, so that other options do not share a column with these."""
        return {f"{RERANKED_TAG}{self.kind}": self.options}

    def metrics(self) -> dict[str, float]:
        """Percentages by `<direction>/<score>_<kind>`; which queries count does not change, so it is not repeated."""
        return {
            f"{direction}/{name}_{self.kind}": value
            for direction, scores in self.scores.items()
            for name, value in scores.as_metrics().items()
            if name != "valid_queries"
        }


def rerank_test_set(
    data: VideoReIDData, features: Mapping[str, Features], similarity_of: Callable[[Features, Features], np.ndarray]
) -> dict[Direction, Scores]:
    """Scores of every direction after re-ranking its queries and gallery among themselves.

    No label takes part in the similarities; the filter of the protocol then leaves out of them what it leaves out of
    the plain ranking.

    Args:
        data: the test set.
        features: by name of the split, rows in the order of its tracklets.
        similarity_of: features of queries and of the gallery -> [q g], larger is more alike.
    """
    scores: dict[Direction, Scores] = {}
    for direction, pair in data.test.items():
        similarity = similarity_of(features[pair.query.name], features[pair.gallery.name])
        scores[direction] = rank(similarity, *pair.labels, same_camera_filter=data.same_camera_filter)
    return scores


def halves_of(split: Split) -> tuple[Split, Split]:
    """The split with the first half of each tracklet's frames, and with the second, which has the odd one.

    A tracklet of one frame is both of its halves.
    """
    first = [t._replace(frames=t.frames[: max(1, len(t.frames) // 2)]) for t in split.tracklets]
    second = [t._replace(frames=t.frames[len(t.frames) // 2 :]) for t in split.tracklets]
    return replace(split, tracklets=tuple(first)), replace(split, tracklets=tuple(second))

"""Embeddings of the test set, every split once; similarities and scores of both directions from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from mindspore import Tensor

from star.data.loader import EvaluationLoader
from star.evaluation.ranking import rank
from star.evaluation.reranking import Reranked
from star.types import Direction, Scores, VideoReIDData


class Evaluation(NamedTuple):
    """A ranked test set.

    Attributes:
        scores: by direction.
        similarity: by direction, [q g] float32, products of retrieval features, queries by gallery.
        features: what was ranked, by name of the split.
        reranked: the scores after re-ranking; None where it was not asked for.
    """

    scores: dict[Direction, Scores]
    similarity: dict[Direction, np.ndarray]
    features: Mapping[str, np.ndarray]
    reranked: Reranked | None = None

    def metrics(self) -> dict[str, float]:
        """Percentages by `<direction>/<score>`."""
        return {f"{d}/{name}": value for d, s in self.scores.items() for name, value in s.as_metrics().items()}

    def mean_map(self) -> float:
        """Mean mAP of the directions in percent."""
        return sum(scores.as_metrics()["mAP"] for scores in self.scores.values()) / len(self.scores)


def embed(
    embedder: Callable[[Tensor, Tensor], Tensor],
    loader: EvaluationLoader,
    gather: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Retrieval features of a split.

    Args:
        embedder: network in evaluation mode, `(frames [b t h w 3] uint8, joints [b t j 3]) -> [b d]`.
        loader: clips in tracklet order, the last batch padded.
        gather: where the loaders of several processes have a share each, puts equally many rows of all together.

    Returns:
        [q d] float32, L2-normalised rows.
    """
    rows = [embedder(Tensor.from_numpy(b.frames), Tensor.from_numpy(b.joints)).asnumpy()[: b.count] for b in loader]
    own = np.concatenate(rows).astype(np.float32) if rows else np.empty((0, 0), np.float32)
    if gather is None:
        return own
    width = gather(np.array([own.shape[1]], np.int32)).max()
    padded = np.zeros((loader.rows_each, width), np.float32)
    padded[: len(own), : own.shape[1]] = own
    return gather(padded)[: loader.clips]


def rank_test_set(data: VideoReIDData, features: Mapping[str, np.ndarray]) -> Evaluation:
    """Rank the gallery for the queries of every direction.

    A direction whose queries and gallery are another one's gallery and queries takes its similarities transposed.

    Args:
        data: the test set.
        features: by name of the split, [q d] or [g d], L2-normalised, rows in the order of its tracklets.
    """
    by_names: dict[tuple[str, str], np.ndarray] = {}
    similarity: dict[Direction, np.ndarray] = {}
    scores: dict[Direction, Scores] = {}
    for direction, pair in data.test.items():
        query, gallery = pair.query.name, pair.gallery.name
        swapped = by_names.get((gallery, query))
        matrix = features[query] @ features[gallery].T if swapped is None else swapped.T
        by_names[query, gallery] = similarity[direction] = matrix
        scores[direction] = rank(matrix, *pair.labels, same_camera_filter=data.same_camera_filter)
    return Evaluation(scores, similarity, features)

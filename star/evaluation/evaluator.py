"""Embeddings of the test set, once; both directions are ranked from one similarity matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from mindspore import Tensor

from star.data.loader import EvaluationLoader
from star.evaluation.ranking import rank_both
from star.types import Direction, Scores, Split


class Evaluation(NamedTuple):
    """A ranked test set.

    Attributes:
        scores: by direction.
        similarity: [q g] float32 cosine similarities, infrared queries by visible gallery.
    """

    scores: dict[Direction, Scores]
    similarity: np.ndarray

    def metrics(self) -> dict[str, float]:
        """Percentages by `<direction>/<score>`."""
        return {f"{d}/{name}": value for d, s in self.scores.items() for name, value in s.as_metrics().items()}


def embed(embedder: Callable[[Tensor, Tensor], Tensor], loader: EvaluationLoader) -> np.ndarray:
    """Retrieval features of a split.

    Args:
        embedder: network in evaluation mode, `(frames [b t h w 3] uint8, joints [b t j 3]) -> [b d]`.
        loader: clips in tracklet order, the last batch padded.

    Returns:
        [q d] float32, L2-normalised rows.
    """
    rows = [embedder(Tensor(b.frames), Tensor(b.joints)).asnumpy()[: b.count] for b in loader]
    return np.concatenate(rows).astype(np.float32)


def rank_splits(query: Split, gallery: Split, query_features: np.ndarray, gallery_features: np.ndarray) -> Evaluation:
    """Rank a gallery for its queries and the other way round.

    Args:
        query, gallery: tracklets of the rows.
        query_features, gallery_features: [q d] and [g d], L2-normalised.
    """
    similarity = query_features @ gallery_features.T
    (query_identities, query_cameras), (gallery_identities, gallery_cameras) = query.rows, gallery.rows
    scores = rank_both(similarity, query_identities, gallery_identities, query_cameras, gallery_cameras)
    return Evaluation(scores, similarity)

"""Weighted regularised triplet term (AGW, TPAMI 2021).

| paper / release                                   | here                                                      |
|---------------------------------------------------|-----------------------------------------------------------|
| p_i, farther rows of the same identity count more | softmax of D over them, the row itself included           |
| n_i, nearer rows of others count more             | softmax of -D over them                                   |
| mean of log(1 + exp(-(n_i - p_i)))                | the same, in a form that does not overflow                |

The weights receive gradients. The release divides by a sum plus 1e-6 and takes no maximum out of the softmax over the
others: from distances of 14 or so that sum is smaller than 1e-6, and n_i goes to 0 whatever the distances are.
`form="release"` is that, and what published numbers were made with; `form="stable"` is the softmax.
"""

from typing import ClassVar, Literal

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.losses.distances import all_rows, euclidean
from star.ops import GatherRows
from star.types import ALONE, Share

_SMALLEST_SUM = 1e-6
_FAR = 1e9


class WeightedTriplet(nn.Cell):
    """Triplet loss without a margin, whose positives and negatives are weighted means over the batch.

    Args:
        form: "release", or "stable" for distances of any size.
        share: this process's rows of the batch.
    """

    reads: ClassVar[tuple[str, ...]] = ("clip_features", "identities")
    across_rows = True

    def __init__(self, form: Literal["release", "stable"] = "release", share: Share = ALONE) -> None:
        super().__init__()
        self.smallest_sum = _SMALLEST_SUM if form == "release" else 0.0
        self.stable = form == "stable"
        self.gather_rows = GatherRows(share) if share.world_size > 1 else None

    def construct(self, features: Tensor, identities: Tensor) -> Tensor:
        """Features [n d] and identities [n] int32 -> scalar."""
        features, identities = all_rows(self.gather_rows, features, identities)
        distances = euclidean(features)
        same = ops.cast(ops.equal(ops.expand_dims(identities, 0), ops.expand_dims(identities, 1)), ms.float32)
        nearest = ops.amin(distances + same * _FAR, 1, True) if self.stable else ops.zeros_like(distances[:, :1])
        farthest = ops.amax(distances * same, 1, True)
        positive = self.weighted(distances, distances - farthest, same)
        negative = self.weighted(distances, nearest - distances, 1.0 - same)
        return ops.mean(ops.softplus(positive - negative))

    def weighted(self, distances: Tensor, exponents: Tensor, chosen: Tensor) -> Tensor:
        """Mean of the chosen distances with weights exp(exponents): three [n n] -> [n]."""
        weights = ops.exp(exponents * chosen) * chosen
        return ops.sum(weights * distances, 1) / (ops.sum(weights, 1) + self.smallest_sum)

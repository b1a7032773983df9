"""Batch-hard triplet term (Hermans et al. 2017; STAR, arXiv 2411.11069, loss functions).

| paper / method                  | here                                                        |
|---------------------------------|-------------------------------------------------------------|
| hardest positive, same identity | largest distance in the row, itself included                |
| hardest negative                | smallest distance to another identity                       |
| margin 0.3, both modalities mixed | mean of max(0, positive - negative + margin) over all rows |

Squared distances are taken as at least 1e-12 before the root, so equal rows have a zero gradient.
"""

from typing import Annotated, ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.bounds import Bounds
from star.losses.distances import all_rows, euclidean
from star.ops import GatherRows
from star.types import ALONE, Share

_FAR = 1e9


class BatchHardTriplet(nn.Cell):
    """Euclidean batch-hard triplet loss on the clip features before the neck.

    Args:
        margin: how much farther the nearest other identity should be than the farthest own clip.
        gather: look for the hardest rows among those of all processes that train together, and not of each alone.
        share: this process's rows of the batch.
    """

    reads: ClassVar[tuple[str, ...]] = ("clip_features", "identities")
    across_rows = True

    def __init__(
        self, margin: Annotated[float, Bounds(minimum=0)] = 0.3, gather: bool = True, share: Share = ALONE
    ) -> None:
        super().__init__()
        self.margin = margin
        self.gather_rows = GatherRows(share) if gather and share.world_size > 1 else None

    def construct(self, features: Tensor, identities: Tensor) -> Tensor:
        """Features [n d] and identities [n] int32 -> scalar."""
        features, identities = all_rows(self.gather_rows, features, identities)
        return batch_hard(features, identities, self.margin)


def batch_hard(features: Tensor, identities: Tensor, margin: float) -> Tensor:
    """Features [n d], identities [n] -> scalar."""
    distances = euclidean(features)
    same = ops.cast(ops.equal(ops.expand_dims(identities, 0), ops.expand_dims(identities, 1)), ms.float32)
    positive = ops.amax(distances * same, 1)
    negative = ops.amin(distances + same * _FAR, 1)
    return ops.mean(ops.relu(positive - negative + margin))

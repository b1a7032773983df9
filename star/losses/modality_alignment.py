"""Alignment of the modalities (M3-ReID, TIFS 2025, MMA).

| paper / release                             | here                                                       |
|---------------------------------------------|------------------------------------------------------------|
| D = (1 - cos)/2, rows of one modality to the other's | `distances`                                       |
| P_i, N_i, means over the same and the other identities | row by row; rows without either are left out     |
| log(1 + exp(-(N_i - P_i))), mean over rows  | of each modality, then of those that have such a row       |

We differ where a batch has one modality: the release raises, here the term is 0.
"""

from __future__ import annotations

from typing import ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.losses.distances import all_rows
from star.ops import GatherRows
from star.types import ALONE, Share

_SMALLEST_SQUARE = 1e-24


class ModalityAlignment(nn.Cell):
    """Rows of one identity are to be nearer to each other across the modalities than those of different ones.

    Args:
        share: this process's rows of the batch.
    """

    reads: ClassVar[tuple[str, ...]] = ("clip_features", "identities", "modality")
    across_rows = True

    def __init__(self, share: Share = ALONE) -> None:
        super().__init__()
        self.gather_rows = GatherRows(share) if share.world_size > 1 else None

    def construct(self, features: Tensor, identities: Tensor, modality: Tensor) -> Tensor:
        """Features [n d], or [n t d] with each frame as a row, identities and modality [n] int32 -> scalar."""
        if len(features.shape) == 3:
            n, t, d = features.shape
            features = ops.reshape(features, (n * t, d))
            identities = ops.repeat_interleave(identities, t, 0)
            modality = ops.repeat_interleave(modality, t, 0)
        _, modality = all_rows(self.gather_rows, features, modality)
        features, identities = all_rows(self.gather_rows, features, identities)
        x = features / ops.sqrt(ops.maximum(ops.sum(features * features, 1, True), _SMALLEST_SQUARE))
        distances = (1.0 - ops.matmul(x, ops.transpose(x, (1, 0)))) / 2.0
        across = _unequal(modality)
        other = across * _unequal(identities)
        same = across - other
        same_count, other_count = ops.sum(same, 1), ops.sum(other, 1)
        near = ops.sum(distances * same, 1) / ops.maximum(same_count, 1.0)
        far = ops.sum(distances * other, 1) / ops.maximum(other_count, 1.0)
        valid = ops.cast(ops.logical_and(same_count > 0, other_count > 0), ms.float32)
        terms = ops.softplus(near - far) * valid
        infrared = ops.cast(ops.equal(modality, 1), ms.float32)
        total, modalities = _mean_of(terms, valid, infrared)
        more, another = _mean_of(terms, valid, 1.0 - infrared)
        return (total + more) / ops.maximum(modalities + another, 1.0)


def _unequal(labels: Tensor) -> Tensor:
    """[n] -> [n n], 1 where two labels differ."""
    return ops.cast(ops.not_equal(ops.expand_dims(labels, 0), ops.expand_dims(labels, 1)), ms.float32)


def _mean_of(terms: Tensor, valid: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of the valid chosen terms, and 1, or 0 and 0 if there is none."""
    count = ops.sum(valid * chosen)
    return ops.sum(terms * chosen) / ops.maximum(count, 1.0), ops.minimum(count, 1.0)

"""Rows drawn to the easiest positives of the other modality (IBAN, TCSVT 2023).

| paper / release                                             | here                                                |
|-------------------------------------------------------------|-----------------------------------------------------|
| e_i, nearest row of the same identity in the other modality | detached                                            |
| sum over i and ALL rows r of that other modality of         | `form="release"`: also draws together what the      |
| mean over d of (X_r - e_i)^2                                | triplet pushes apart; published numbers have it     |
| the same sum over rows of e_i's identity                    | `form="masked"`, not in the release                 |
"""

from __future__ import annotations

from typing import ClassVar, Literal

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.losses.distances import all_rows, euclidean
from star.ops import GatherRows
from star.types import ALONE, Share

_FAR = 1e9


class EasyPositive(nn.Cell):
    """Squared distances of all rows of a modality to the easiest positives in it.

    A row without its identity in the other modality has no such positive and is left out.

    Args:
        form: "release", or "masked" for rows of the same identity only.
        share: this process's rows of the batch.
    """

    reads: ClassVar[tuple[str, ...]] = ("clip_features", "identities", "modality")
    across_rows = True

    def __init__(self, form: Literal["release", "masked"] = "release", share: Share = ALONE) -> None:
        super().__init__()
        self.masked = form == "masked"
        self.gather_rows = GatherRows(share) if share.world_size > 1 else None

    def construct(self, features: Tensor, identities: Tensor, modality: Tensor) -> Tensor:
        """Features [n d], identities and modality [n] int32 -> scalar."""
        _, modality = all_rows(self.gather_rows, features, modality)
        features, identities = all_rows(self.gather_rows, features, identities)
        other = _compared(ops.not_equal, modality)
        positive = other * _compared(ops.equal, identities)
        distances = euclidean(ops.stop_gradient(features))
        easiest = ops.gather(features, ops.argmin(distances + (1.0 - positive) * _FAR, 1), 0)
        away = ops.expand_dims(features, 0) - ops.expand_dims(ops.stop_gradient(easiest), 1)
        counted = positive if self.masked else other * ops.amax(positive, 1, True)
        return ops.sum(ops.mean(away * away, 2) * counted)


def _compared(compare: ops.Primitive, labels: Tensor) -> Tensor:
    """[n] -> [n n], 1 where two labels compare."""
    return ops.cast(compare(ops.expand_dims(labels, 1), ops.expand_dims(labels, 0)), ms.float32)

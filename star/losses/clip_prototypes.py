"""Prototypes of the identities in a memory that follows the hardest clips (PCL-CLIP; X-ReID, AAAI 2026, public part).

| release                                                        | here                                              |
|----------------------------------------------------------------|---------------------------------------------------|
| M [k d], rows of length 1                                      | `memory`, no trained parameter but saved with them |
| cross entropy of (unit feature . M) / 0.05                     | `ClipPrototypes`                                  |
| M_y <- 0.1 M_y + 0.9 z, length 1; z least similar to M_y       | after the loss was taken from the old rows        |
| two tables, made anew every epoch from all training clips      | one, whose rows begin with the first clip seen    |

The release's two tables meet the same clips and differ in what they are made of at the start of an epoch alone, each of
one modality; without that there is one. Until an identity was seen, its row is left out of the softmax, and its clips
out of the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from star.bounds import Bounds
from star.losses.distances import all_rows
from star.ops import GatherRows
from star.types import ALONE, Share

_SMALLEST_SQUARE = 1e-24
_FAR = 1e9


class ClipPrototypes(nn.Cell):
    """Cross entropy of clips against a memory of their identities.

    Args:
        channels: d.
        identities: k.
        temperature: of the similarities.
        momentum: share of itself that a row keeps.
        share: this process's rows of the batch.
    """

    reads: ClassVar[tuple[str, ...]] = ("clip_features", "identities")
    initial: ClassVar[Mapping[str, Any]] = {}
    across_rows = True

    def __init__(
        self,
        channels: int,
        identities: int,
        temperature: Annotated[float, Bounds(above=0)] = 0.05,
        momentum: Annotated[float, Bounds(minimum=0, maximum=1)] = 0.1,
        share: Share = ALONE,
    ) -> None:
        super().__init__()
        empty = np.zeros((identities, channels), np.float32)
        self.memory = Parameter(Tensor(empty), name="memory", requires_grad=False)
        self.labels = Tensor(np.arange(identities), ms.int32)
        self.temperature = float(temperature)
        self.momentum = float(momentum)
        self.gather_rows = GatherRows(share) if share.world_size > 1 else None

    def construct(self, features: Tensor, identities: Tensor) -> Tensor:
        """Features [n d] and identities [n] int32 -> scalar."""
        memory = self.memory + 0.0  # a copy: what is assigned below must not reach the gradient
        features, identities = all_rows(self.gather_rows, features, identities)
        features = unit(features)
        chosen = ops.cast(ops.equal(ops.expand_dims(identities, 1), self.labels), ms.float32)
        known = ops.cast(ops.sum(memory * memory, 1) > 0.5, ms.float32)
        logits = ops.matmul(features, ops.transpose(memory, (1, 0))) / self.temperature - (1.0 - known) * _FAR
        counted = ops.matmul(chosen, known)
        own = ops.sum(ops.log_softmax(logits, 1) * chosen, 1) * counted
        loss = -ops.sum(own) / ops.maximum(ops.sum(counted), 1.0)
        ops.assign(self.memory, self.followed(memory, ops.stop_gradient(features), chosen))
        return loss

    def followed(self, memory: Tensor, features: Tensor, chosen: Tensor) -> Tensor:
        """Memory [k d], unit features [n d] and which row is whose [n k] -> the memory after this batch [k d]."""
        similarity = ops.matmul(features, ops.transpose(memory, (1, 0))) + (1.0 - chosen) * _FAR
        hardest = ops.gather(features, ops.argmin(similarity, 0), 0)
        moved = unit(self.momentum * memory + (1.0 - self.momentum) * hardest)
        present = ops.expand_dims(ops.amax(chosen, 0), 1)
        return present * moved + (1.0 - present) * memory


def unit(x: Tensor) -> Tensor:
    """[m d] -> rows of length 1."""
    return x / ops.sqrt(ops.maximum(ops.sum(x * x, 1, True), _SMALLEST_SQUARE))

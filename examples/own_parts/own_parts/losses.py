"""Two loss terms: one with parameters of its own, one that looks across the rows of a batch."""

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from star.models.initial import normal
from star.ops import GatherRows
from star.types import ALONE, Share


class CentreDistance(nn.Cell):
    """Mean squared distance of a clip to the learnt centre of its identity (Wen et al., ECCV 2016).

    Args:
        channels: from the builder: width of what the term reads first.
        identities: from the builder: number of centres.
    """

    reads = ("clip_features", "identities")
    initial = {r"centres$": normal(0.0, 0.1)}

    def __init__(self, channels: int, identities: int) -> None:
        super().__init__()
        self.centres = Parameter(Tensor(np.zeros((identities, channels), np.float32)), name="centres")

    def construct(self, features: Tensor, identities: Tensor) -> Tensor:
        """Features [n d] and identities [n] int32 -> scalar."""
        return ops.mean(ops.square(features - ops.gather(self.centres, identities, 0)))


class ModalityGap(nn.Cell):
    """Squared distance between the mean visible and the mean infrared clip of the batch.

    A mean of both halves' gaps is not the gap of the batch: with several processes the rows of all are needed.

    Args:
        share: from the builder: this process's rows of the batch.
    """

    reads = ("clip_features", "modality")
    across_rows = True

    def __init__(self, share: Share = ALONE) -> None:
        super().__init__()
        self.gather_rows = GatherRows(share) if share.world_size > 1 else None

    def construct(self, features: Tensor, modality: Tensor) -> Tensor:
        """Features [n d] and modality [n], 1 infrared -> scalar."""
        infrared = ops.expand_dims(ops.cast(modality, ms.float32), 1)
        if self.gather_rows is not None:
            features, infrared = self.gather_rows(features), self.gather_rows(infrared)
        visible = 1.0 - infrared
        gap = ops.sum(features * infrared, 0) / ops.sum(infrared) - ops.sum(features * visible, 0) / ops.sum(visible)
        return ops.sum(ops.square(gap))

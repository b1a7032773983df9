"""A modality classifier and the features that confuse it (MITML, CVPR 2022).

| release                                                    | here                                            |
|------------------------------------------------------------|-------------------------------------------------|
| CE(visible rows, 1) + CE(infrared rows, 0), detached X     | `Modality`, of an optimiser of its own          |
| CE(visible rows, 2) + CE(infrared rows, 2), after its step | `ModalityConfusion`                             |
"""

from __future__ import annotations

from typing import ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

_INFRARED, _VISIBLE, _NEITHER = 0, 1, 2


class Modality(nn.Cell):
    """Cross entropy of the true modality, the sum of the means over both modalities."""

    reads: ClassVar[tuple[str, ...]] = ("modality_logits", "modality")

    def construct(self, logits: Tensor, modality: Tensor) -> Tensor:
        """Logits [n 3] and modality [n], 0 visible, 1 infrared -> scalar."""
        return _sum_of_means(logits, modality, _VISIBLE, _INFRARED)


class ModalityConfusion(nn.Cell):
    """Cross entropy of "neither", the sum of the means over both modalities."""

    reads: ClassVar[tuple[str, ...]] = ("modality_logits", "modality")

    def construct(self, logits: Tensor, modality: Tensor) -> Tensor:
        """Logits [n 3] and modality [n], 0 visible, 1 infrared -> scalar."""
        return _sum_of_means(logits, modality, _NEITHER, _NEITHER)


def _sum_of_means(logits: Tensor, modality: Tensor, visible_class: int, infrared_class: int) -> Tensor:
    """Cross entropies of a class for each modality; one without rows adds nothing."""
    likelihoods = ops.log_softmax(ops.cast(logits, ms.float32), 1)
    infrared = ops.cast(modality, ms.float32)
    visible = 1.0 - infrared
    of_visible = ops.sum(likelihoods[:, visible_class] * visible) / ops.maximum(ops.sum(visible), 1.0)
    of_infrared = ops.sum(likelihoods[:, infrared_class] * infrared) / ops.maximum(ops.sum(infrared), 1.0)
    return -(of_visible + of_infrared)

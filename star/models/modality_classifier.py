"""Modality classifier, the adversary of the clip features (MITML, CVPR 2022).

| release                                       | here                                                        |
|-----------------------------------------------|-------------------------------------------------------------|
| d -> 1024, then halved seven times down to 8  | `layers`, each with batch norm and ReLU                     |
| 8 -> 3: infrared, visible, neither            | `linear`; the classes are those of `star.losses.Modality`   |

The release has convolutions of kernel 3 over a length of one: only their middle taps meet data, and only these exist
here. First values are as wide as those of its convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from mindspore import Tensor, nn

from star.models.initial import OWN_RULES, Draw, uniform

_WIDTHS = tuple(1024 // 2**step for step in range(8))
_CLASSES = 3
_KERNEL = 3


def _middle_tap(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return uniform(1 / math.sqrt(_KERNEL * shape[1]))(rng, shape)


class ModalityClassifier(nn.Cell):
    """Logits of infrared, visible and neither; an optimiser of its own trains it.

    Args:
        channels: d.
    """

    reads = ("clip_features",)
    gives = ("modality_logits",)
    training_only = True
    out_channels = _CLASSES
    initial: ClassVar[Mapping[str, Draw | None]] = {r"\.layers\.\d+\.0\.weight$": _middle_tap, **OWN_RULES}

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = (channels, *_WIDTHS)
        self.layers = nn.SequentialCell(
            [
                nn.SequentialCell([nn.Dense(widths[i], o, has_bias=i == 0), nn.BatchNorm1d(o), nn.ReLU()])
                for i, o in enumerate(_WIDTHS)
            ]
        )
        self.linear = nn.Dense(_WIDTHS[-1], _CLASSES)

    def construct(self, features: Tensor) -> Tensor:
        """[n d] -> logits [n 3]."""
        return self.linear(self.layers(features))

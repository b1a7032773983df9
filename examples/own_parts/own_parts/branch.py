"""A classifier that only training has, with random numbers of its own."""

from typing import Annotated

import numpy as np
from mindspore import Tensor, nn

from star.bounds import Bounds
from star.models.initial import normal


class NoisyClassifier(nn.Cell):
    """Identity logits of clip features with noise on them.

    Args:
        channels: from the builder: width of `clip_features`, the first of `reads`.
        identities: from the builder: classes.
        deviation: of the noise.
    """

    reads = ("clip_features", "noise")
    gives = ("noisy_logits",)
    training_only = True
    initial = {r"classifier\.weight$": normal(0.0, 0.001)}

    def __init__(self, channels: int, identities: int, deviation: Annotated[float, Bounds(minimum=0)] = 0.1) -> None:
        super().__init__()
        self.channels = channels
        self.deviation = deviation
        self.out_channels = identities
        self.classifier = nn.Dense(channels, identities, has_bias=False)

    def random_inputs(self, rng: np.random.Generator, clips: int, frames: int) -> dict[str, np.ndarray]:
        """The noise of one step; `clips` rows, of all processes together."""
        return {"noise": rng.normal(0.0, self.deviation, (clips, self.channels)).astype(np.float32)}

    def construct(self, features: Tensor, noise: Tensor) -> Tensor:
        """Two [n d] -> logits [n k]."""
        return self.classifier(features + noise)

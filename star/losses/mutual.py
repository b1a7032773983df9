"""Mutual learning of frames and of the interaction (SAADG, ACM MM 2023).

| paper / release                                                    | here                                       |
|--------------------------------------------------------------------|--------------------------------------------|
| KL( softmax(frame logits) || softmax(interaction's logits) )       | `Mutual`, mean over frames                 |

Both sides receive gradients, as in the authors' code.
"""

from typing import ClassVar

from mindspore import Tensor, nn

from star.losses.divergence import kl_divergence


class Mutual(nn.Cell):
    """Kullback-Leibler divergence from the distribution of the frames to that of the interaction."""

    reads: ClassVar[tuple[str, ...]] = ("frame_logits", "cross_view_logits")

    def construct(self, frame_logits: Tensor, other_logits: Tensor) -> Tensor:
        """Two [m k] -> scalar."""
        return kl_divergence(frame_logits, other_logits)

"""Consistency of the pose logits across modalities (authors' release of STAR, arXiv 2411.11069).

| release / method                                       | here                                          |
|--------------------------------------------------------|-----------------------------------------------|
| KL both ways, visible and infrared clip of an identity | row i and row i + n/2 of `pose_logits`        |
| reduction "batchmean"                                  | mean over pairs, sum of both directions       |

Constant logits are a perfect minimum of this term, so it should come with `PoseIdentity`.
"""

from typing import ClassVar

from mindspore import Tensor, nn

from star.losses.divergence import kl_divergence


class CrossModalityConsistency(nn.Cell):
    """Symmetric Kullback-Leibler divergence between the pose logits of both modalities."""

    reads: ClassVar[tuple[str, ...]] = ("pose_logits",)
    paired_rows = True

    def construct(self, logits: Tensor) -> Tensor:
        """[n k], rows i and i + n/2 of one identity -> scalar."""
        pairs = logits.shape[0] // 2
        visible, infrared = logits[:pairs], logits[pairs:]
        return kl_divergence(infrared, visible) + kl_divergence(visible, infrared)

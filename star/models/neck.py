"""Batch norm neck and classifier (method: heads; Luo et al. 2019).

| paper / method                     | here                                             |
|------------------------------------|--------------------------------------------------|
| BN neck, bias frozen               | `norm`, its beta stays 0; trained with `offset`  |
| classifier without bias            | `classifier`                                     |
| retrieval feature                  | `Neck.embed`, before the L2 norm                 |
"""

import mindspore as ms
from mindspore import Tensor, nn, ops


class Neck(nn.Cell):
    """Identity logits of features.

    Args:
        channels: d.
        identities: k.
        offset: train the offset of the batch norm as well.

    Attributes:
        embedding_channels: width of what `embed` gives.
    """

    reads = ("clip_features",)
    gives = ("clip_logits",)

    def __init__(self, channels: int, identities: int, offset: bool = False) -> None:
        super().__init__()
        self.embedding_channels = channels
        self.norm = nn.BatchNorm1d(channels)
        self.norm.beta.requires_grad = offset
        self.classifier = nn.Dense(channels, identities, has_bias=False)

    def construct(self, features: Tensor) -> Tensor:
        """[n d] -> logits [n k]."""
        return ops.cast(self.classifier(self.embed(features)), ms.float32)

    def embed(self, features: Tensor) -> Tensor:
        """[n d] -> [n d] after the batch norm."""
        return self.norm(ops.cast(features, ms.float32))

"""Heads of the clip features of VLD (TIFS 2025): a batch norm and a classifier each; retrieval is from two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from mindspore import Tensor, nn, ops

from star.models.initial import Draw, constant, normal
from star.models.neck import Neck


class HubHeads(nn.Cell):
    """Identity logits of v, p and r; the retrieval feature is [v ; r] before the batch norms.

    Args:
        channels: d, width of v.
        widths: of the other features.
        identities: k.
        normalise: whether retrieval features get length 1. The release compares them as they are, by dot product.

    Attributes:
        embedding_channels: width of what `embed` gives.
        unit_length: `normalise`.
    """

    reads = ("clip_features", "projected_features", "aggregated_features")
    gives = ("clip_logits", "projected_logits", "aggregated_logits")
    initial: ClassVar[Mapping[str, Draw | None]] = {
        r"\.gamma$|\.moving_variance$": constant(1.0),
        r"\.beta$|\.moving_mean$": constant(0.0),
        r"\.classifier\.weight$": normal(0.0, 0.001),
    }

    def __init__(self, channels: int, widths: Mapping[str, int], identities: int, normalise: bool = False) -> None:
        super().__init__()
        projected, aggregated = (widths.get(name, channels) for name in self.reads[1:])
        self.visual = Neck(channels, identities, offset=True)
        self.projected = Neck(projected, identities, offset=True)
        self.aggregated = Neck(aggregated, identities, offset=True)
        self.embedding_channels = channels + aggregated
        self.unit_length = normalise

    def construct(self, features: Tensor, projected: Tensor, aggregated: Tensor) -> tuple[Tensor, ...]:
        """Features v [n d], p [n e], r [n d] -> three times logits [n k]."""
        return self.visual(features), self.projected(projected), self.aggregated(aggregated)

    def embed(self, features: Tensor, projected: Tensor, aggregated: Tensor) -> Tensor:
        """The same -> [n 2d]."""
        return ops.cat((features, aggregated), 1)

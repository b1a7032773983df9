"""Anaglyphs' maps of one modality made into those of the other (IBAN, TCSVT 2023), in training only.

| release                                            | here                                                |
|----------------------------------------------------|-----------------------------------------------------|
| 3x3 convolutions after stage 3, one a direction    | `shallow_visible`, `shallow_infrared`               |
| 1x1 convolutions after stage 4                     | `visible`, `infrared`; named for what they read     |
"""

from __future__ import annotations

from collections.abc import Mapping

from mindspore import Tensor, nn, ops


class Reconstruction(nn.Cell):
    """Bias-free convolutions of the anaglyphs' maps.

    Args:
        widths: of the tensors that are read.
    """

    reads = ("shallow_anaglyph_maps", "anaglyph_maps")
    gives = ("shallow_reconstructed_maps", "reconstructed_maps")
    training_only = True

    def __init__(self, widths: Mapping[str, int]) -> None:
        super().__init__()
        shallow, deep = (widths[name] for name in self.reads)
        self.out_channels = {"shallow_reconstructed_maps": shallow, "reconstructed_maps": deep}
        self.shallow_visible, self.shallow_infrared = (
            nn.Conv2d(shallow, shallow, 3, pad_mode="pad", padding=1, has_bias=False) for _ in range(2)
        )
        self.visible, self.infrared = (nn.Conv2d(deep, deep, 1, has_bias=False) for _ in range(2))

    def construct(self, shallow: Tensor, deep: Tensor) -> tuple[Tensor, Tensor]:
        """Maps [m c h w] of two depths, visible half first -> what the other half's should be like."""
        half = shallow.shape[0] // 2
        return (
            ops.cat((self.shallow_visible(shallow[:half]), self.shallow_infrared(shallow[half:])), 0),
            ops.cat((self.visible(deep[:half]), self.infrared(deep[half:])), 0),
        )

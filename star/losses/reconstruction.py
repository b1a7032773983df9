"""Error of what anaglyphs of one modality are made into (IBAN, TCSVT 2023).

| release                                                                | here                                      |
|------------------------------------------------------------------------|-------------------------------------------|
| mean squared difference to the other modality's maps, which stay fixed | both directions and both depths are added |
"""

from __future__ import annotations

from typing import ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops


class ReconstructionError(nn.Cell):
    """Mean squared differences of reconstructed maps and those of the paired clips."""

    reads: ClassVar[tuple[str, ...]] = (
        *("shallow_reconstructed_maps", "shallow_anaglyph_maps"),
        *("reconstructed_maps", "anaglyph_maps"),
    )
    paired_rows = True

    def construct(self, shallow: Tensor, shallow_maps: Tensor, deep: Tensor, deep_maps: Tensor) -> Tensor:
        """Four [m c h w], visible half first -> scalar."""
        return _both_directions(shallow, shallow_maps) + _both_directions(deep, deep_maps)


def _both_directions(made: Tensor, maps: Tensor) -> Tensor:
    half = maps.shape[0] // 2
    maps = ops.stop_gradient(ops.cast(maps, ms.float32))
    return 2.0 * ops.mean(ops.square(ops.cast(made, ms.float32) - ops.cat((maps[half:], maps[:half]), 0)))

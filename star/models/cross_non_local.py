"""Non-local block from one stream of a clip's frames to another (IBAN, TCSVT 2023).

| release                                                  | here                                                    |
|----------------------------------------------------------|---------------------------------------------------------|
| theta of the anaglyphs, phi and g of the frames, c/2     | `theta`, `phi`, `g`                                     |
| largest of 1 x 2 x 2 positions of phi and g              | `CrossNonLocal.pooled`                                  |
| softmax over these positions, no scaling; x + BN(W y)    | `out` is W, `norm` the BN; gamma starts at 0            |
| maps [(b t) c h w] viewed as [b c t h w]                 | `layout="release"`; "axes" moves the axes               |

The view of the release moves nothing, so channels and frames are interleaved: the t groups of c channels of a clip are
read as c groups of t. Its numbers were made with that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.models.initial import Draw, constant

_REDUCTION = 2
Layout = Literal["release", "axes"]


class CrossNonLocal(nn.Cell):
    """Every position of a clip's frames gets a sum over all positions, with weights that its anaglyphs ask for.

    The attention takes (t h w)^2 / 4 numbers a clip.

    Args:
        channels: c.
        frames: t.
        layout: "release", or "axes" for channels that are channels.
    """

    initial: ClassVar[Mapping[str, Draw]] = {r"\.cross_\w+\.norm\.gamma$": constant(0.0)}

    def __init__(self, channels: int, frames: int, layout: Layout = "release") -> None:
        super().__init__()
        reduced = max(1, channels // _REDUCTION)
        self.frames = frames
        self.moves_axes = layout == "axes"
        self.theta, self.phi, self.g = (nn.Conv2d(channels, reduced, 1, has_bias=True) for _ in range(3))
        self.out = nn.Conv2d(reduced, channels, 1, has_bias=True)
        self.norm = nn.BatchNorm2d(channels)
        self.of_rows, self.of_columns = nn.MaxPool2d((2, 1), (2, 1)), nn.MaxPool2d((1, 2), (1, 2))

    def construct(self, x: Tensor, asking: Tensor) -> Tensor:
        """Maps of frames and of anaglyphs [(b t) c h w] -> frames [(b t) c h w]."""
        clips = self.by_clip(x)
        theta = ops.cast(self.theta(self.by_clip(asking)), ms.float32)
        b, r, rows, w = theta.shape
        size = (b, r, self.frames, rows // self.frames, w)
        phi, g = self.pooled(self.phi(clips), size), self.pooled(self.g(clips), size)
        queries = ops.transpose(ops.reshape(theta, (b, r, -1)), (0, 2, 1))
        attention = ops.softmax(ops.bmm(queries, phi), -1)
        y = ops.transpose(ops.bmm(attention, ops.transpose(g, (0, 2, 1))), (0, 2, 1))
        return self.by_frame(self.norm(self.out(ops.reshape(y, (b, r, rows, w)))) + clips, x.shape)

    def by_clip(self, maps: Tensor) -> Tensor:
        """[(b t) c h w] -> [b c t*h w]."""
        m, c, h, w = maps.shape
        b, t = m // self.frames, self.frames
        if self.moves_axes:
            maps = ops.transpose(ops.reshape(maps, (b, t, c, h, w)), (0, 2, 1, 3, 4))
        return ops.reshape(maps, (b, c, t * h, w))

    def by_frame(self, maps: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The way back."""
        m, c, h, w = shape
        if self.moves_axes:
            b, t = m // self.frames, self.frames
            maps = ops.transpose(ops.reshape(maps, (b, c, t, h, w)), (0, 2, 1, 3, 4))
        return ops.reshape(maps, shape)

    def pooled(self, maps: Tensor, size: tuple[int, ...]) -> Tensor:
        """[b r t*h w] of a size (b r t h w) -> [b r t*h/2*w/2] float32; a side of one position stays."""
        b, r, t, h, w = size
        x = ops.reshape(ops.cast(maps, ms.float32), (b * r, t, h, w))
        if h > 1:
            x = self.of_rows(x)
        if w > 1:
            x = self.of_columns(x)
        return ops.reshape(x, (b, r, -1))

"""Residual trunk with one stem for each modality (He et al. 2016; STAR, arXiv 2411.11069, feature extraction).

| paper                             | here                                         |
|-----------------------------------|----------------------------------------------|
| modality-specific first layers    | `visible_stem`, `infrared_stem`              |
| one stem for both (other methods) | `shared_stem`, with `stems="one"`            |
| shared ResNet-50                  | `stage1` .. `stage4`, both modalities as one batch |
| last stride 1                     | `last_stride=1`                              |
| non-local blocks (other methods)  | `Stage`, with `non_local`                    |
| a trunk for anaglyphs (IBAN)      | `anaglyph`, with `second_trunk`              |

The authors' release carries two more copies of the trunk that are never used; here only used parameters exist.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.bounds import Bounds
from star.errors import ConfigError, Problem
from star.models.cross_non_local import CrossNonLocal, Layout
from star.models.initial import OWN_RULES
from star.models.non_local import FrameNonLocal, SpatioTemporalNonLocal

_EXPANSION = {"basic": 1, "bottleneck": 4}
_STYLES = ("pytorch", "caffe")


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, pad_mode="pad", padding=kernel // 2, has_bias=False)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.SequentialCell:
    """1x1 convolution where the shape changes, nothing where it does not."""
    if stride == 1 and inputs == outputs:
        return nn.SequentialCell([])
    return nn.SequentialCell([_convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)])


class MaxPool(nn.Cell):
    """3x3 maximum with stride 2 of what is not negative, with a border of zeros.

    Args:
        bordered: whether the border is written out. MindSpore's pooling with a border of its own is
            `MaxPool3DWithArgmax`, the faster of two on a CPU; CANN's documentation has it for the 910B and later only.
    """

    def __init__(self, bordered: bool) -> None:
        super().__init__()
        self.border = ops.Pad(((0, 0), (0, 0), (1, 1), (1, 1))) if bordered else None
        self.pool = nn.MaxPool2d(3, 2) if bordered else nn.MaxPool2d(3, 2, pad_mode="pad", padding=1)

    def construct(self, x: Tensor) -> Tensor:
        """[m c h w] -> [m c h/2 w/2], rounded up."""
        return self.pool(x if self.border is None else self.border(x))


class Stem(nn.Cell):
    """7x7 convolution with stride 2, batch norm, ReLU, 3x3 maximum with stride 2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = _convolution(3, width, 7, 2)
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.pool = MaxPool(bordered=ms.get_context("device_target") != "CPU")

    def construct(self, frames: Tensor) -> Tensor:
        """[m 3 h w] -> [m c h/4 w/4]."""
        return self.pool(self.relu(self.norm(self.conv(frames))))


class BasicBlock(nn.Cell):
    """Two 3x3 convolutions, the first with the stride."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, width, 3, stride)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut = _shortcut(inputs, width, stride)
        self.relu = nn.ReLU()

    def construct(self, x: Tensor) -> Tensor:
        """[m c h w] -> [m width h/stride w/stride]."""
        y = self.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return self.relu(y + self.shortcut(x))


class Bottleneck(nn.Cell):
    """1x1, 3x3 and 1x1 convolutions; the stride is in the 3x3 ("pytorch") or in the first 1x1 ("caffe")."""

    def __init__(self, inputs: int, width: int, stride: int, style: str) -> None:
        super().__init__()
        outputs = width * _EXPANSION["bottleneck"]
        self.conv1 = _convolution(inputs, width, 1, stride if style == "caffe" else 1)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3, 1 if style == "caffe" else stride)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3 = _convolution(width, outputs, 1)
        self.norm3 = nn.BatchNorm2d(outputs)
        self.shortcut = _shortcut(inputs, outputs, stride)
        self.relu = nn.ReLU()

    def construct(self, x: Tensor) -> Tensor:
        """[m c h w] -> [m 4*width h/stride w/stride]."""
        y = self.relu(self.norm1(self.conv1(x)))
        y = self.relu(self.norm2(self.conv2(y)))
        y = self.norm3(self.conv3(y))
        return self.relu(y + self.shortcut(x))


class Stage(nn.Cell):
    """Residual blocks, the last ones each with a non-local block behind it.

    Parameters of block i are called `<i>.*`, as in a stage without non-local blocks, those behind it `non_local_<i>.*`.

    Args:
        blocks: in their order.
        non_local: those behind the last `len(non_local)` blocks.
    """

    def __init__(self, blocks: Sequence[nn.Cell], non_local: Sequence[nn.Cell]) -> None:
        super().__init__()
        self.in_order = []
        first = len(blocks) - len(non_local)
        for position, block in enumerate(blocks):
            self.insert_child_to_cell(str(position), block)
            self.in_order.append(block)
            if position >= first:
                self.insert_child_to_cell(f"non_local_{position}", non_local[position - first])
                self.in_order.append(non_local[position - first])

    def construct(self, x: Tensor) -> Tensor:
        """[m c h w] -> [m d h/stride w/stride]."""
        for cell in self.in_order:
            x = cell(x)
        return x


class ResNet(nn.Cell):
    """Stems and shared stages.

    Args:
        block: "basic" or "bottleneck".
        layers: number of residual blocks of the four stages.
        width: channels of the stem; stage i has width * 2^(i-1), times 4 in bottlenecks.
        style: where a bottleneck stage has its stride, "pytorch" (3x3) or "caffe" (first 1x1).
        last_stride: stride of stage 4, 1 or 2.
        stems: "two", one for each modality, or "one" for both.
        non_local: kind of the blocks put behind residual blocks, "none", "frame_single_channel" (AGW) or
            "spatio_temporal" (M3-ReID).
        non_local_blocks: behind how many of each stage's last residual blocks; a stage with fewer has one behind each.
        second_stage4: whether stage 4 exists a second time, as `temporal_stage4`, for stream=temporal (MITML).
        second_trunk: whether a whole trunk exists a second time, as `anaglyph`, and behind stages 3 and 4 a block from
            it to this one, `cross_shallow` and `cross_deep`, for stream=anaglyph (IBAN).
        cross_layout: of these blocks, see `CrossNonLocal`.
        frames: T of every clip, for "spatio_temporal" and `second_trunk`.

    Attributes:
        out_channels: channels of stage 4, the embedding width d.
        shallow_channels: channels of stage 3.
        stages: the four stages in their order.

    Raises:
        ConfigError: an option that does not exist.
    """

    non_negative = True

    def __init__(
        self,
        block: Literal["basic", "bottleneck"] = "bottleneck",
        layers: Annotated[Sequence[int], Bounds(length=4, minimum=1)] = (3, 4, 6, 3),
        width: Annotated[int, Bounds(minimum=1)] = 64,
        style: Literal["pytorch", "caffe"] = "pytorch",
        last_stride: Literal[1, 2] = 1,
        stems: Literal["two", "one"] = "two",
        non_local: Literal["none", "frame_single_channel", "spatio_temporal"] = "none",
        non_local_blocks: Annotated[Sequence[int], Bounds(length=4, minimum=0)] = (0, 2, 3, 0),
        second_stage4: bool = False,
        second_trunk: bool = False,
        cross_layout: Layout = "release",
        frames: int | None = None,
    ) -> None:
        super().__init__()
        _check(block, layers, width, style, last_stride)
        self.non_local: Callable[[int], nn.Cell] | None = None
        if non_local == "frame_single_channel":
            self.non_local, self.initial = FrameNonLocal, {**FrameNonLocal.initial, **OWN_RULES}
        elif non_local == "spatio_temporal":
            self.non_local = partial(SpatioTemporalNonLocal, frames=_known(frames, "non_local", non_local))
            self.initial = {**SpatioTemporalNonLocal.initial, **OWN_RULES}
        self.block = block
        self.style = style
        self.one_stem = stems == "one"
        if self.one_stem:
            self.shared_stem = Stem(width)
        else:
            self.visible_stem = Stem(width)
            self.infrared_stem = Stem(width)
        self._channels = width
        self.stage1 = self._stage(layers[0], width, 1, non_local_blocks[0])
        self.stage2 = self._stage(layers[1], width * 2, 2, non_local_blocks[1])
        self.stage3 = self._stage(layers[2], width * 4, 2, non_local_blocks[2])
        self.shallow_channels = self._channels
        self.stage4 = self._stage(layers[3], width * 8, last_stride, non_local_blocks[3])
        if second_stage4:
            self._channels = self.shallow_channels
            self.temporal_stage4 = self._stage(layers[3], width * 8, last_stride, non_local_blocks[3])
        self.out_channels = self._channels
        self.stages = (self.stage1, self.stage2, self.stage3, self.stage4)
        if second_trunk:
            t = _known(frames, "second_trunk", second_trunk)
            self.initial = {**CrossNonLocal.initial, **getattr(self, "initial", OWN_RULES)}
            self.cross_shallow = CrossNonLocal(self.shallow_channels, t, cross_layout)
            self.cross_deep = CrossNonLocal(self.out_channels, t, cross_layout)
            self.anaglyph = ResNet(
                block, layers, width, style, last_stride, stems, non_local, non_local_blocks, frames=frames
            )

    def _stage(self, blocks: int, width: int, stride: int, non_local: int) -> nn.Cell:
        cells: list[nn.Cell] = []
        for position in range(blocks):
            step = stride if position == 0 else 1
            if self.block == "basic":
                cells.append(BasicBlock(self._channels, width, step))
            else:
                cells.append(Bottleneck(self._channels, width, step, self.style))
            self._channels = width * _EXPANSION[self.block]
        if self.non_local is None or non_local == 0:
            return nn.SequentialCell(cells)
        return Stage(cells, [self.non_local(self._channels) for _ in cells[-non_local:]])

    def stem(self, frames: Tensor, infrared: bool) -> Tensor:
        """Frames of one modality [m 3 h w] -> [m width h/4 w/4]."""
        if self.one_stem:
            return self.shared_stem(frames)
        return self.infrared_stem(frames) if infrared else self.visible_stem(frames)

    def construct(self, frames: Tensor, infrared: bool) -> Tensor:
        """Frames of one modality [m 3 h w] -> map of stage 4 [m d h/16 w/16] (h/32 with last_stride 2)."""
        return self.stage4(self.stage3(self.stage2(self.stage1(self.stem(frames, infrared)))))


def _known(frames: int | None, key: str, given: object) -> int:
    if frames is None:
        raise ConfigError([Problem(f"backbone.{key}", repr(given), "with `frames`, those of a clip")])
    return frames


def _check(block: str, layers: Sequence[int], width: int, style: str, last_stride: int) -> None:
    problems = []
    if block not in _EXPANSION:
        problems.append(Problem("backbone.block", repr(block), "'basic' or 'bottleneck'"))
    if style not in _STYLES:
        problems.append(Problem("backbone.style", repr(style), "'pytorch' or 'caffe'"))
    if len(layers) != 4 or any(count < 1 for count in layers):
        problems.append(Problem("backbone.layers", str(list(layers)), "four numbers above 0"))
    if width < 1:
        problems.append(Problem("backbone.width", str(width), "a number above 0"))
    if last_stride not in (1, 2):
        problems.append(Problem("backbone.last_stride", str(last_stride), "1 or 2"))
    if problems:
        raise ConfigError(problems)

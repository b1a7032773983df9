"""A small trunk with a stem for each modality."""

from typing import Annotated

from mindspore import Tensor, nn

from star.bounds import Bounds


class SmallTrunk(nn.Cell):
    """A stem for each modality, then three stages for both; each halves the frame and doubles the channels.

    It has no `initial`: parameters keep the values this constructor gives them.

    Args:
        width: channels of the stems.

    Attributes:
        out_channels: channels of the last stage.
        stages: in their order; the style attack comes before each of the last two.
    """

    non_negative = True

    def __init__(self, width: Annotated[int, Bounds(minimum=1)] = 16) -> None:
        super().__init__()
        self.visible_stem = _stage(3, width)
        self.infrared_stem = _stage(3, width)
        self.stages = nn.CellList([_stage(width * 2**i, width * 2 ** (i + 1)) for i in range(3)])
        self.out_channels = width * 2**3

    def stem(self, frames: Tensor, infrared: bool) -> Tensor:
        """Frames of one modality [m 3 h w] -> [m width h/2 w/2]."""
        return self.infrared_stem(frames) if infrared else self.visible_stem(frames)


def _stage(inputs: int, outputs: int) -> nn.SequentialCell:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=2, has_bias=False)
    return nn.SequentialCell([convolution, nn.BatchNorm2d(outputs), nn.ReLU()])

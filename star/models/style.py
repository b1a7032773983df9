"""Style augmentation and style attack (SAADG, ACM MM 2023; STAR, arXiv 2411.11069, the baseline it stands on).

| paper                                   | here                                                          |
|-----------------------------------------|---------------------------------------------------------------|
| random gain of an infrared frame        | `gains` row with three equal numbers                          |
| gain and order of a visible frame's channels | `gains` and `channels`                                   |
| intra-modality disturbance              | `restyle` after stage 2 with the rows `same_modality`    |
| cross-modality disturbance              | `restyle` after stage 3 with the rows `other_modality`   |

We differ in where the random numbers come from: they are arguments, drawn on the host, so a step is a pure function.
A channel without any variance in a frame gets a zero gradient instead of NaN.
"""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

_NO_VARIANCE = 1e-24
"""Far below (1e-6)^2, so it never shows in a value; it keeps the square root away from zero."""


class StyleAugmentation(nn.Cell):
    """Multiplies channels by gains and reorders them, frame by frame."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = Tensor(np.arange(3), ms.int32)

    def construct(self, frames: Tensor, gains: Tensor, channels: Tensor) -> Tensor:
        """Channel c of the result is channel `channels[c]` of the frame times its gain.

        Shapes: frames [m 3 h w], gains [m 3] float32, channels [m 3] int32 -> [m 3 h w].
        """
        m, c, h, w = frames.shape
        # Order and gains of the channels as one matrix a frame: `chosen` [m 3 3] has a single 1 in each row.
        chosen = ops.cast(ops.equal(ops.expand_dims(channels, 2), self.positions), ms.float32)
        mixing = ops.cast(chosen * ops.expand_dims(gains, 1), frames.dtype)
        return ops.reshape(ops.bmm(mixing, ops.reshape(frames, (m, c, h * w))), (m, c, h, w))


def style_of(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased deviation plus 1e-6 of every channel of every frame: [m c h w] -> two [m c 1 1], float32."""
    x = ops.cast(features, ms.float32)
    pixels = x.shape[2] * x.shape[3]
    mean = ops.mean(x, (2, 3), True)
    variance = ops.sum(ops.square(x - mean), (2, 3), True) / (pixels - 1)
    return mean, ops.sqrt(ops.maximum(variance, _NO_VARIANCE)) + 1e-6


def restyle(features: Tensor, rows: Tensor, gather_rows: nn.Cell | None = None) -> Tensor:
    """AdaIN: each frame keeps its content and takes the style of another frame.

    Args:
        features: [m c h w].
        rows: [m] int32, the frame whose mean and deviation replace a frame's own.
        gather_rows: gives the frames that `rows` counts, those of all processes; None: the own ones.

    Returns:
        [m c h w] float32; the gradient flows into content and style.
    """
    mean, std = style_of(features)
    if gather_rows is None:
        return adaptive_instance_norm(features, mean, std, ops.gather(mean, rows, 0), ops.gather(std, rows, 0))
    c = features.shape[1]
    styles = ops.gather(gather_rows(ops.cat((mean, std), 1)), rows, 0)
    return adaptive_instance_norm(features, mean, std, styles[:, :c], styles[:, c:])


def adaptive_instance_norm(
    content: Tensor, content_mean: Tensor, content_std: Tensor, style_mean: Tensor, style_std: Tensor
) -> Tensor:
    """std(s) (c - mean(c)) / std(c) + mean(s): [m c h w] and four [m c 1 1] -> [m c h w] float32."""
    return (ops.cast(content, ms.float32) - content_mean) * (style_std / content_std) + style_mean

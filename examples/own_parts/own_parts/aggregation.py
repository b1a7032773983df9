"""Pooling over the frames that trusts some frames more than others."""

from typing import Annotated

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from star.bounds import Bounds


class ConfidentFrames(nn.Cell):
    """The mean over the frames, each counted by how sure the pose estimator was of its joints.

    Args:
        pooling: from the builder: the mean over the frames, or skeleton guidance in its place.
        sharpness: first value of the trained factor on the confidence; 0 counts all frames alike.
    """

    reads = ("frames", "joints")
    gives = ("clip_features",)

    def __init__(self, pooling: nn.Cell, sharpness: Annotated[float, Bounds(minimum=0)] = 4.0) -> None:
        super().__init__()
        self.pooling = pooling
        self.sharpness = Parameter(Tensor([sharpness], ms.float32), name="sharpness")

    def construct(self, frames: Tensor, joints: Tensor, *guide: Tensor) -> Tensor:
        """Frames [b t d], joints [b t j 3] and what guidance reads, if there is any -> [b d]."""
        counted = self.weights(joints) * frames.shape[1]
        return self.pooling(frames * ops.expand_dims(counted, 2), *guide)

    def weights(self, joints: Tensor) -> Tensor:
        """Joints [b t j 3] -> [b t], the sum over the frames is 1."""
        confidence = ops.mean(joints[:, :, :, 2], 2)
        return ops.softmax(self.sharpness * confidence, 1)

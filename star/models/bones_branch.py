"""Bones branch: lengths and angles through a bidirectional LSTM (STAR, arXiv 2411.11069, skeleton features).

| paper / method                      | here                          |
|-------------------------------------|-------------------------------|
| v = p_end - p_start                 | the two gathers of `BoneFeatures` |
| e = [ abs(v), atan2(v_y, v_x) ]     | `BoneFeatures`, [b t 38]      |
| S = BiLSTM(linear(e))               | `BonesBranch`, [b t d]        |

Confidence is not used by this branch, as in the authors' release.
"""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from star.models.joint_graph import BONES

EMBEDDING = 64
"""Width between the bone features and the LSTM."""


class BoneFeatures(nn.Cell):
    """Length and angle of the 19 bones, bone by bone."""

    def __init__(self) -> None:
        super().__init__()
        starts, ends = np.array(BONES).T
        self.starts = Tensor(starts, ms.int32)
        self.ends = Tensor(ends, ms.int32)

    def construct(self, joints: Tensor) -> Tensor:
        """[b t j 3] -> [b t 38] float32: length in the unit of the coordinates, angle in radians, alternating."""
        points = ops.cast(joints, ms.float32)[:, :, :, :2]
        bones = ops.gather(points, self.ends, 2) - ops.gather(points, self.starts, 2)
        x, y = bones[:, :, :, 0], bones[:, :, :, 1]
        features = ops.stack((ops.sqrt(x * x + y * y), ops.atan2(y, x)), -1)
        return ops.reshape(features, (joints.shape[0], joints.shape[1], 2 * len(BONES)))


class BonesBranch(nn.Cell):
    """One vector a frame from the bones of the whole clip.

    Args:
        channels: d, even; each direction gives half of it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = BoneFeatures()
        self.linear = nn.Dense(2 * len(BONES), EMBEDDING)
        self.lstm = nn.LSTM(EMBEDDING, channels // 2, bidirectional=True, batch_first=True)

    def construct(self, joints: Tensor) -> Tensor:
        """[b t j 3] -> [b t d]."""
        return self.encode(self.features(joints))

    def encode(self, features: Tensor) -> Tensor:
        """[b t 38] -> [b t d]."""
        output, _ = self.lstm(ops.cast(self.linear(features), ms.float32))
        return output

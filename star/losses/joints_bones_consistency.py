"""Consistency of the two skeleton branches (STAR, arXiv 2411.11069, skeleton consistency).

| paper / method                              | here                                            |
|---------------------------------------------|-------------------------------------------------|
| KL( softmax(mean_t S) || softmax(g) )       | `JointsBonesConsistency`, mean over the clips   |
| target mean_t S                             | bones; `detach_target` stops its gradient       |

The authors' releases do not train with this term; see `CrossModalityConsistency` for theirs.
"""

from typing import ClassVar

import mindspore as ms
from mindspore import Tensor, nn, ops

from star.losses.divergence import kl_divergence


class JointsBonesConsistency(nn.Cell):
    """Kullback-Leibler divergence from the bones' to the joints' distribution over channels.

    Args:
        detach_target: whether the bones branch is kept out of this term's gradient.
    """

    reads: ClassVar[tuple[str, ...]] = ("bone_features", "joint_features")

    def __init__(self, detach_target: bool = False) -> None:
        super().__init__()
        self.detach_target = detach_target

    def construct(self, bones: Tensor, joints: Tensor) -> Tensor:
        """S [n t d] and g [n d] -> scalar."""
        bones = ops.mean(ops.cast(bones, ms.float32), 1)
        if self.detach_target:
            bones = ops.stop_gradient(bones)
        return kl_divergence(bones, joints)

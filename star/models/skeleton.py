"""Both skeleton branches and the pose descriptor (STAR, arXiv 2411.11069, skeleton features).

| paper / method                  | here                                                       |
|---------------------------------|------------------------------------------------------------|
| bones branch, S                 | `bone_features` [b t d]                                    |
| joints branch, g                | `joint_features` [b d]                                     |
| z = BN([s_T ; g])               | `descriptor`; [b 2d], with one branch alone [b d]          |

Beyond the paper: each branch can be switched off, and `coordinates="pixels"` gives both branches pixels of the
network's frame, as the authors' release does.
"""

from typing import Literal

import mindspore as ms
from mindspore import Tensor, nn, ops
from mindspore.ops import constexpr

from star.errors import ConfigError, Problem
from star.models.bones import BonesBranch
from star.models.joint_graph import Graph
from star.models.joints import JointsBranch


@constexpr
def _pixels(height: int, width: int) -> Tensor:
    return Tensor([float(width), float(height), 1.0], ms.float32)


class Skeleton(nn.Cell):
    """Skeleton features of a clip; only what is switched on exists.

    Args:
        channels: d.
        frames: T of every clip.
        bones, joints: which branches exist.
        descriptor: whether the pose descriptor exists.
        graph: edges of the joints branch.
        coordinates: "frame" uses x and y in 0..1 as given, "pixels" multiplies them by the frame's width and height.
        joint_dropout, joint_attention_dropout: shares dropped in the joints branch in training.

    Attributes:
        descriptor_channels: width of the pose descriptor.

    Raises:
        ConfigError: unknown `coordinates` or `graph`, or a dropout outside of 0 <= p < 1.
    """

    def __init__(
        self,
        channels: int,
        frames: int,
        *,
        bones: bool,
        joints: bool,
        descriptor: bool,
        graph: Graph,
        coordinates: Literal["frame", "pixels"],
        joint_dropout: float,
        joint_attention_dropout: float,
    ) -> None:
        super().__init__()
        _check(coordinates, joint_dropout, joint_attention_dropout)
        self.in_pixels = coordinates == "pixels"
        self.has_bones = bones
        self.has_joints = joints
        self.has_descriptor = descriptor
        self.descriptor_channels = channels * (int(bones) + int(joints))
        if bones:
            self.bones = BonesBranch(channels)
        if joints:
            self.joints = JointsBranch(channels, frames, graph, joint_dropout, joint_attention_dropout)
        if descriptor:
            self.norm = nn.BatchNorm1d(self.descriptor_channels)

    def construct(self, joints: Tensor, height: int, width: int, dropout: tuple) -> dict:
        """Skeleton features by name.

        Args:
            joints: [b t j 3], x and y in 0..1 of the frame, confidence.
            height: pixels of the network's frames.
            width: the same.
            dropout: keep masks of `JointsBranch`, or ().

        Returns:
            "bone_features" [b t d], "joint_features" [b d] and "descriptor" [b descriptor_channels], those that exist.
        """
        if self.in_pixels:
            joints = joints * _pixels(height, width)
        output = {}
        if self.has_bones:
            output["bone_features"] = ops.cast(self.bones(joints), ms.float32)
        if self.has_joints:
            output["joint_features"] = self.joints(joints, dropout)
        if self.has_descriptor:
            output["descriptor"] = self.norm(self._branches(output))
        return output

    def _branches(self, output: dict) -> Tensor:
        """[s_T ; g], or the branch that exists."""
        if not self.has_bones:
            return output["joint_features"]
        last = output["bone_features"][:, -1]
        if not self.has_joints:
            return last
        return ops.cat((last, output["joint_features"]), 1)


def _check(coordinates: str, joint_dropout: float, joint_attention_dropout: float) -> None:
    problems = []
    if coordinates not in ("frame", "pixels"):
        problems.append(Problem("skeleton_graph.coordinates", repr(coordinates), "'frame' or 'pixels'"))
    for key, share in (("joint_dropout", joint_dropout), ("joint_attention_dropout", joint_attention_dropout)):
        if not 0 <= share < 1:
            problems.append(Problem(f"skeleton_graph.{key}", str(share), "a share, at least 0 and below 1"))
    if problems:
        raise ConfigError(problems)

"""Both skeleton branches and the pose descriptor (STAR, arXiv 2411.11069, skeleton features).

| paper / method                  | here                                                       |
|---------------------------------|------------------------------------------------------------|
| bones branch, S                 | `bone_features` [b t d]                                    |
| joints branch, g                | `joint_features` [b d]                                     |
| z = BN([s_T ; g])               | `descriptor`; [b 2d], with one branch alone [b d]          |

Beyond the paper: each branch can be switched off.
"""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.models.bones_branch import BonesBranch
from star.models.joint_graph import Graph
from star.models.joints_branch import JointsBranch
from star.models.random_inputs import KEEP_MASKS, draw_dropout


class Skeleton(nn.Cell):
    """Skeleton features of a clip; only what is switched on exists.

    Args:
        channels: d.
        frames: T of every clip.
        bones, joints: which branches exist.
        descriptor: whether the pose descriptor exists.
        graph: edges of the joints branch.
        joint_dropout, joint_attention_dropout: shares dropped in the joints branch in training.

    Attributes:
        descriptor_channels: width of the pose descriptor.
        gives: "bone_features" [b t d], "joint_features" [b d] and "descriptor" [b descriptor_channels], those that
            exist.

    Raises:
        ConfigError: unknown `graph`, or a dropout outside of 0 <= p < 1.
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
        joint_dropout: float,
        joint_attention_dropout: float,
    ) -> None:
        super().__init__()
        _check(joint_dropout, joint_attention_dropout)
        self.has_bones = bones
        self.has_joints = joints
        self.has_descriptor = descriptor
        self.descriptor_channels = channels * (int(bones) + int(joints))
        self.dropout = {"graph": graph, "dropout": joint_dropout, "attention_dropout": joint_attention_dropout}
        if bones:
            self.bones = BonesBranch(channels)
        if joints:
            self.joints = JointsBranch(channels, frames, graph, joint_dropout, joint_attention_dropout)
        if descriptor:
            self.norm = nn.BatchNorm1d(self.descriptor_channels)
        self.reads = ("joints", *(KEEP_MASKS if joints else ()))
        existing = {"bone_features": bones, "joint_features": joints, "descriptor": descriptor}
        self.gives = tuple(name for name, there in existing.items() if there)
        widths = {"bone_features": channels, "joint_features": channels, "descriptor": self.descriptor_channels}
        self.out_channels = {name: widths[name] for name in self.gives}

    def random_inputs(self, rng: np.random.Generator, clips: int, frames: int) -> dict[str, np.ndarray]:
        """Keep masks of the joints branch."""
        return draw_dropout(rng, clips, frames, **self.dropout) if self.has_joints else {}

    def construct(self, joints: Tensor, *dropout: Tensor) -> tuple[Tensor, ...]:
        """Joints [b t j 3] and keep masks of `JointsBranch`, or none -> `gives`."""
        output = ()
        if self.has_bones:
            output = output + (ops.cast(self.bones(joints), ms.float32),)
        if self.has_joints:
            output = output + (self.joints(joints, dropout),)
        if self.has_descriptor:
            output = output + (self.norm(self._branches(output)),)
        return output

    def _branches(self, output: tuple) -> Tensor:
        """[s_T ; g], or the branch that exists."""
        if not self.has_bones:
            return output[0]
        last = output[0][:, -1]
        if not self.has_joints:
            return last
        return ops.cat((last, output[1]), 1)


def _check(joint_dropout: float, joint_attention_dropout: float) -> None:
    problems = []
    for key, share in (("joint_dropout", joint_dropout), ("joint_attention_dropout", joint_attention_dropout)):
        if not 0 <= share < 1:
            problems.append(Problem(f"skeleton_graph.{key}", str(share), "a share, at least 0 and below 1"))
    if problems:
        raise ConfigError(problems)

"""The whole network (STAR, arXiv 2411.11069; its baseline is SAADG, ACM MM 2023).

| paper / method                      | here                                                                   |
|-------------------------------------|------------------------------------------------------------------------|
| f, frame features                   | `frame_features`                                                       |
| f', features under the style attack | `disturbed_features`; reuses the outputs of stages 1 and 2             |
| S, g, z                             | `Skeleton`: `bone_features`, `joint_features`, `descriptor`            |
| F, guided frame features            | `FrameGuidance`; without it F = f                                      |
| X, clip feature                     | `clip_features`, by `GuidedPooling`, `GeneralisedMean` or `Maximum`    |
| frame head, clip head, pose head    | `frame_neck` (shared by f and f'), `clip_neck`, `pose_classifier`      |
| baseline                            | every skeleton option off; the same class                              |

We differ: random numbers are arguments (`star.models.draws`), unused copies of the trunk do not exist, and the skeleton
inputs are read (the authors' MindSpore release never does).
"""

from collections.abc import Sequence
from typing import Literal

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from star.errors import ConfigError, Problem
from star.models.frame_guidance import FrameGuidance
from star.models.initial import initialise
from star.models.joint_graph import Graph
from star.models.neck import Neck
from star.models.normalise import Normalise
from star.models.pooling import GeneralisedMean, GuidedPooling, Maximum
from star.models.resnet import ResNet
from star.models.skeleton import Skeleton
from star.models.style import StyleAugmentation, restyle
from star.ops import GatherRows, Reduce
from star.types import ALONE, Share


class VideoReID(nn.Cell):
    """Video re-identification over visible and infrared clips, with or without skeletons.

    Args:
        backbone: the trunk; its `out_channels` is the embedding width d.
        normalise: what uint8 frames go through.
        identities: k, number of training identities.
        frames: T of every clip.
        style_augmentation: random gains and channel orders in training.
        style_attack: the second pass through stages 3 and 4 with changed style in training.
        bones, joints: the skeleton branches; both off is the baseline.
        frame_guidance: cross attention between bones and frames.
        sequence_guidance: pooling powers mixed by the pose descriptor.
        pose_classifier: identity logits from the pose descriptor.
        graph, coordinates, joint_dropout, joint_attention_dropout: see `Skeleton`.
        attention_heads: of the frame guidance.
        pooling: generalised mean or maximum over the frames, without sequence guidance.
        power: of the generalised mean.
        guided_powers: of the pooling with sequence guidance.
        seed: decides every initial weight, by parameter name (see `star.models.initial`).
        share: of every batch; the style attack takes styles of the whole batch.

    Attributes:
        out_channels: width of a retrieval feature.

    Raises:
        ConfigError: options that do not exist or do not go together.
    """

    def __init__(
        self,
        backbone: ResNet,
        normalise: Normalise,
        *,
        identities: int,
        frames: int,
        style_augmentation: bool = True,
        style_attack: bool = True,
        bones: bool = True,
        joints: bool = True,
        frame_guidance: bool = True,
        sequence_guidance: bool = True,
        pose_classifier: bool = False,
        graph: Graph = "complete",
        coordinates: Literal["frame", "pixels"] = "frame",
        attention_heads: int = 4,
        joint_dropout: float = 0.3,
        joint_attention_dropout: float = 0.6,
        pooling: Literal["gem", "max"] = "gem",
        power: float = 3.0,
        guided_powers: Sequence[float] = (0.7, 1.0, 3.0, 5.0, 7.0),
        seed: int = 0,
        share: Share = ALONE,
    ) -> None:
        super().__init__()
        _check(bones, joints, frame_guidance, sequence_guidance, pose_classifier)
        d = backbone.out_channels
        self.out_channels = d
        self.style_augmentation = style_augmentation
        self.style_attack = style_attack
        self.gather_rows = GatherRows(share) if share.size > 1 else None
        self.has_skeleton = bones or joints
        self.has_frame_guidance = frame_guidance
        self.has_sequence_guidance = sequence_guidance
        self.has_pose_classifier = pose_classifier

        self.normalise = normalise
        self.augment_style = StyleAugmentation()
        self.backbone = backbone
        self.average = Reduce("m d h w -> m d", "mean")
        if self.has_skeleton:
            self.skeleton = Skeleton(
                d,
                frames,
                bones=bones,
                joints=joints,
                descriptor=sequence_guidance or pose_classifier,
                graph=graph,
                coordinates=coordinates,
                joint_dropout=joint_dropout,
                joint_attention_dropout=joint_attention_dropout,
            )
        if frame_guidance:
            self.frame_guidance = FrameGuidance(d, attention_heads)
        if sequence_guidance:
            self.pooling = GuidedPooling(d, self.skeleton.descriptor_channels, guided_powers)
        else:
            self.pooling = Maximum() if pooling == "max" else GeneralisedMean(power)
        self.frame_neck = Neck(d, identities)
        self.clip_neck = Neck(d, identities)
        if pose_classifier:
            self.pose_classifier = nn.Dense(self.skeleton.descriptor_channels, identities)
        initialise(self, seed)

    def construct(
        self,
        visible: Tensor,
        infrared: Tensor,
        visible_joints: Tensor,
        infrared_joints: Tensor,
        gains: Tensor,
        channels: Tensor,
        same_modality: Tensor,
        other_modality: Tensor,
        *dropout: Tensor,
    ) -> dict:
        """A training step's outputs.

        Args:
            visible: [b t h w 3] uint8, RGB.
            infrared: the same; row i of both is the same identity.
            visible_joints: [b t j 3], x and y in 0..1 of the frame, confidence; not read without skeleton branches.
            infrared_joints: the same.
            gains: this and the following are the fields of `star.types.TrainingDraws`.
            channels: see there.
            same_modality: see there.
            other_modality: see there.
            *dropout: the masks of its `dropout`.

        Returns:
            `star.types.ReIDOutput`, n = 2b rows, visible first.
        """
        return self.train_normalised(
            self.normalise(visible),
            self.normalise(infrared),
            visible_joints,
            infrared_joints,
            gains,
            channels,
            same_modality,
            other_modality,
            *dropout,
        )

    def train_normalised(
        self,
        visible: Tensor,
        infrared: Tensor,
        visible_joints: Tensor,
        infrared_joints: Tensor,
        gains: Tensor,
        channels: Tensor,
        same_modality: Tensor,
        other_modality: Tensor,
        *dropout: Tensor,
    ) -> dict:
        """As `construct`, with normalised frames [b t 3 h w] float32."""
        b, t, c, h, w = visible.shape
        visible = ops.reshape(visible, (b * t, c, h, w))
        infrared = ops.reshape(infrared, (b * t, c, h, w))
        if self.style_augmentation:
            gains = ops.reshape(gains, (2, b * t, c))
            channels = ops.reshape(channels, (2, b * t, c))
            visible = self.augment_style(visible, gains[0], channels[0])
            infrared = self.augment_style(infrared, gains[1], channels[1])
        stems = ops.cat((self.backbone.visible_stem(visible), self.backbone.infrared_stem(infrared)), 0)
        shallow = self.backbone.stage2(self.backbone.stage1(stems))
        frames = ops.cast(self.average(self.backbone.stage4(self.backbone.stage3(shallow))), ms.float32)

        joints = ops.cat((visible_joints, infrared_joints), 0) if self.has_skeleton else visible_joints
        features, skeleton = self._clip_features(ops.reshape(frames, (2 * b, t, -1)), joints, h, w, dropout)
        output = {
            "clip_features": features,
            "clip_logits": self.clip_neck(features),
            "frame_features": frames,
            "frame_logits": self.frame_neck(frames),
        }
        if self.style_attack:
            attacked = self.backbone.stage3(restyle(shallow, same_modality, self.gather_rows))
            attacked = self.backbone.stage4(restyle(attacked, other_modality, self.gather_rows))
            disturbed = ops.cast(self.average(attacked), ms.float32)
            output["disturbed_features"] = disturbed
            output["disturbed_logits"] = self.frame_neck(disturbed)
        if "bone_features" in skeleton:
            output["bone_features"] = skeleton["bone_features"]
        if "joint_features" in skeleton:
            output["joint_features"] = skeleton["joint_features"]
        if self.has_pose_classifier:
            output["pose_logits"] = ops.cast(self.pose_classifier(skeleton["descriptor"]), ms.float32)
        return output

    def embed(self, frames: Tensor, joints: Tensor, infrared: bool) -> Tensor:
        """Retrieval features; the cell must be in evaluation mode (`set_train(False)`).

        Args:
            frames: [b t h w 3] uint8, RGB, one modality.
            joints: [b t j 3] as in `construct`.
            infrared: which stem; a constant, so each modality has its own graph.

        Returns:
            [b d] float32, length 1.
        """
        return self.embed_normalised(self.normalise(frames), joints, infrared)

    def embed_normalised(self, frames: Tensor, joints: Tensor, infrared: bool) -> Tensor:
        """As `embed`, with normalised frames [b t 3 h w] float32."""
        b, t, c, h, w = frames.shape
        maps = self.backbone(ops.reshape(frames, (b * t, c, h, w)), infrared)
        frame_features = ops.cast(self.average(maps), ms.float32)
        features, _ = self._clip_features(ops.reshape(frame_features, (b, t, -1)), joints, h, w, ())
        x = ops.cast(self.clip_neck.embed(features), ms.float32)
        return x / ops.sqrt(ops.maximum(ops.sum(x * x, 1, True), 1e-24))

    def _clip_features(self, frames: Tensor, joints: Tensor, height: int, width: int, dropout: tuple) -> tuple:
        """Frame features f [b t d] and joints [b t j 3] -> X [b d] and the skeleton features by name."""
        skeleton = {}
        if self.has_skeleton:
            skeleton = self.skeleton(joints, height, width, dropout)
        if self.has_frame_guidance:
            frames = self.frame_guidance(skeleton["bone_features"], frames)
        if self.has_sequence_guidance:
            return self.pooling(frames, skeleton["descriptor"]), skeleton
        return self.pooling(frames), skeleton

    def parameter_groups(self) -> tuple[list[Parameter], list[Parameter]]:
        """Trainable parameters of the trunk (stems and stages), and all the others."""
        backbone, others = [], []
        for parameter in self.trainable_params():
            (backbone if parameter.name.startswith("backbone.") else others).append(parameter)
        return backbone, others


def _check(bones: bool, joints: bool, frame_guidance: bool, sequence_guidance: bool, pose_classifier: bool) -> None:
    problems = []
    if frame_guidance and not bones:
        problems.append(Problem("skeleton_graph.frame_guidance", "true", "false, or bones: true, which it attends to"))
    for key, given in (("sequence_guidance", sequence_guidance), ("pose_classifier", pose_classifier)):
        if given and not (bones or joints):
            problems.append(Problem(f"skeleton_graph.{key}", "true", "false, or bones or joints: true, which it reads"))
    if problems:
        raise ConfigError(problems)

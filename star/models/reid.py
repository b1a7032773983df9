"""STAR's network from plain arguments (arXiv 2411.11069; its baseline is SAADG, ACM MM 2023).

The same parts and wires that a configuration gives (`star.models.build`), for use without one. `star.models.network`
calls them, `star.models.assemble` has the table "paper <-> here".

We differ from the releases: random numbers are arguments (`star.models.random_inputs`), unused copies of the trunk do
not exist, and the skeleton inputs are read (the authors' MindSpore release never does).
"""

from collections.abc import Sequence
from typing import Literal, TypedDict

from mindspore import Tensor, nn

from star.errors import ConfigError, Problem
from star.models.assemble import ALL_INPUTS, Parts, pieces, wires_of
from star.models.encoder import Encoder
from star.models.frame_guidance import FrameGuidance
from star.models.frame_pooling import Average
from star.models.initial import initialise
from star.models.joint_graph import Graph
from star.models.neck import Neck
from star.models.network import Network
from star.models.normalise import Normalise
from star.models.pooling import GeneralisedMean, GuidedPooling, Maximum
from star.models.resnet import ResNet
from star.models.skeleton_branches import Skeleton
from star.types import ALONE, Share


class ReIDOutput(TypedDict, total=False):
    """What the network gives in training; n = 2b rows, visible first. Keys of parts that are off are absent.

    A dictionary and not a NamedTuple: a NamedTuple inside a jitted MindSpore function cuts the gradient silently.
    """

    clip_features: Tensor
    """[n d] before the neck."""
    clip_logits: Tensor
    """[n k]"""
    frame_features: Tensor
    """[n*t d]"""
    frame_logits: Tensor
    """[n*t k]"""
    disturbed_features: Tensor
    """[n*t d], with `style.attack`."""
    disturbed_logits: Tensor
    """[n*t k], with `style.attack`."""
    bone_features: Tensor
    """[n t d], with `skeleton_graph.bones`."""
    joint_features: Tensor
    """[n d], with `skeleton_graph.joints`."""
    pose_logits: Tensor
    """[n k], with `skeleton_graph.pose_classifier`."""


class VideoReID(Network):
    """Video re-identification over visible and infrared clips, with or without skeletons.

    Its inputs are `star.models.assemble.ALL_INPUTS`, read or not; its outputs those of `ReIDOutput` that
    exist.

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
        graph, joint_dropout, joint_attention_dropout: see `Skeleton`.
        coordinates: "frame" uses x and y in 0..1 as given, "pixels" multiplies them by the frame's width and height, as
            the authors' release does.
        attention_heads: of the frame guidance.
        pooling: generalised mean or maximum over the frames, without sequence guidance.
        power: of the generalised mean.
        guided_powers: of the pooling with sequence guidance.
        seed: decides every initial weight, by parameter name (see `star.models.initial`).
        share: of every batch; the style attack takes styles of the whole batch.

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
        _check(bones, joints, frame_guidance, sequence_guidance, pose_classifier, coordinates)
        d = backbone.out_channels
        average = Average()
        skeleton = None
        if bones or joints:
            skeleton = Skeleton(
                d,
                frames,
                bones=bones,
                joints=joints,
                descriptor=sequence_guidance or pose_classifier,
                graph=graph,
                joint_dropout=joint_dropout,
                joint_attention_dropout=joint_attention_dropout,
            )
        if skeleton is not None and sequence_guidance:
            aggregation: nn.Cell = GuidedPooling(d, skeleton.descriptor_channels, guided_powers)
        else:
            aggregation = Maximum() if pooling == "max" else GeneralisedMean(power)
        parts = Parts(
            normalise=normalise,
            encoder=Encoder(
                backbone, average, style_augmentation=style_augmentation, style_attack=style_attack, share=share
            ),
            backbone=backbone,
            frame_pooling=average,
            skeleton=skeleton,
            frame_guidance=FrameGuidance(d, attention_heads) if frame_guidance else None,
            aggregation=aggregation,
            frame_head=Neck(d, identities),
            clip_head=Neck(d, identities),
            pose_classifier=nn.Dense(skeleton.descriptor_channels, identities)
            if skeleton and pose_classifier
            else None,
            in_pixels=coordinates == "pixels",
        )
        wires = wires_of(parts)
        given = {name for row in wires for name in row.gives} | set(parts.encoder.gives)
        outputs = [name for name in ReIDOutput.__annotations__ if name in given]
        super().__init__(inputs=ALL_INPUTS, **pieces(parts, wires, outputs))
        initialise(self, seed)


def _check(
    bones: bool, joints: bool, frame_guidance: bool, sequence_guidance: bool, pose_classifier: bool, coordinates: str
) -> None:
    problems = []
    if frame_guidance and not bones:
        problems.append(Problem("skeleton_graph.frame_guidance", "true", "false, or bones: true, which it attends to"))
    for key, given in (("sequence_guidance", sequence_guidance), ("pose_classifier", pose_classifier)):
        if given and not (bones or joints):
            problems.append(Problem(f"skeleton_graph.{key}", "true", "false, or bones or joints: true, which it reads"))
    if coordinates not in ("frame", "pixels"):
        problems.append(Problem("skeleton_graph.coordinates", repr(coordinates), "'frame' or 'pixels'"))
    if problems:
        raise ConfigError(problems)

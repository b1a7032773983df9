"""Assembly of a network: the table of wires made from its parts.

| paper / method                      | wire                                                                   |
|-------------------------------------|------------------------------------------------------------------------|
| S, g, z                             | `skeleton`: `bone_features`, `joint_features`, `descriptor`            |
| F, guided frame features            | `frame_guidance` gives `frames` anew; without it F = f                 |
| X, clip feature                     | `pooling` gives `clip_features`                                        |
| frame head, clip head, pose head    | `frame_neck` (shared by f and f'), `clip_neck`, `pose_classifier`      |

The names are those of the parameters, too: first values hang on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mindspore import nn

from star.models.encoder import DISTURBED
from star.models.network import JOINTS, PIXELS, open_names
from star.models.part import Wire, wire
from star.models.random_inputs import KEEP_MASKS, input_name

CLIP_HEAD = "clip_neck"
RESERVED = (
    *("backbone", "frame_pooling", "encoder", "skeleton", "frame_guidance", "pooling", "frame_neck", "clip_neck"),
    *("pose_classifier", "disturbed", "normalise", "loss"),
)
"""Names of the network's own parts, which no branch can have."""


@dataclass
class Parts:
    """The cells of a network by their place in it; None where there is none.

    Attributes:
        normalise, encoder, backbone, frame_pooling: from frames to frame features.
        skeleton, frame_guidance: of STAR.
        aggregation: from frames to a clip feature.
        aggregation_key: of the configuration, for messages.
        clip_head: its `embed` makes the retrieval feature.
        frame_head: logits of frames.
        pose_classifier: logits of the pose descriptor.
        branches: further parts by name.
        in_pixels: whether the skeleton reads joints in pixels.
        names: `reads` and `gives` of the configuration, by key.
        guided: whether the aggregation has guided pooling in it, and reads the pose descriptor for it.
        drawn: names of the random inputs of each part, by its name.
    """

    normalise: nn.Cell
    encoder: Any
    backbone: nn.Cell
    frame_pooling: nn.Cell
    aggregation: Any
    clip_head: Any
    frame_head: Any = None
    skeleton: Any = None
    frame_guidance: Any = None
    pose_classifier: nn.Cell | None = None
    branches: Mapping[str, Any] = field(default_factory=dict)
    aggregation_key: str = "aggregation"
    in_pixels: bool = False
    names: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    guided: bool = False
    drawn: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def by_parameter_name(self) -> dict[str, nn.Cell]:
        """The cells in the order of their parameters."""
        named = {
            "backbone": self.backbone,
            "frame_pooling": self.frame_pooling,
            "skeleton": self.skeleton,
            "frame_guidance": self.frame_guidance,
            "pooling": self.aggregation,
            "frame_neck": self.frame_head,
            CLIP_HEAD: self.clip_head,
            "pose_classifier": self.pose_classifier,
            **self.branches,
        }
        return {name: cell for name, cell in named.items() if cell is not None}


def wires_of(parts: Parts) -> list[Wire]:
    """The rows of the parts behind the encoder, in their order; random inputs have the network's names."""

    def row(name: str, key: str, cell: Any, **fixed: Any) -> Wire:
        made = wire(name, key, cell, parts.names.get(key), **fixed)
        drawn = parts.drawn.get(name, ())
        return made._replace(reads=tuple(input_name(name, own) if own in drawn else own for own in made.reads))

    rows = []
    if parts.skeleton is not None:
        skeleton = row("skeleton", "skeleton_graph", parts.skeleton)
        reads = tuple(PIXELS if parts.in_pixels and name == JOINTS else name for name in skeleton.reads)
        rows.append(skeleton._replace(reads=reads))
    if parts.frame_guidance is not None:
        rows.append(row("frame_guidance", "guidance.frame", parts.frame_guidance))
    pooling = row("pooling", parts.aggregation_key, parts.aggregation)
    rows.append(pooling._replace(reads=(*pooling.reads, "descriptor")) if parts.guided else pooling)
    rows.append(row(CLIP_HEAD, "clip_head", parts.clip_head, training_only=True))
    if parts.frame_head is not None:
        head = wire(
            "frame_neck", "frame_head", parts.frame_head, {"reads": ["frame_features"], "gives": ["frame_logits"]}
        )
        rows.append(head._replace(training_only=True))
        if DISTURBED in parts.encoder.gives:
            again = head._replace(name="disturbed", reads=(DISTURBED,), gives=("disturbed_logits",))
            rows.append(again._replace(training_only=True))
    if parts.pose_classifier is not None:
        names = {"reads": ["descriptor"], "gives": ["pose_logits"]}
        key = "skeleton_graph.pose_classifier"
        rows.append(wire("pose_classifier", key, parts.pose_classifier, names, training_only=True))
    rows += [row(name, f"branch.{name}", cell) for name, cell in parts.branches.items()]
    return rows


def inputs_of(parts: Parts, wires: list[Wire], outputs: list[str]) -> list[str]:
    """What a network has to be given, random inputs last."""
    needed = open_names(parts.encoder, wires, outputs)
    halves = "visible" in parts.encoder.reads
    batch = [name for name in needed if name in BATCH and name not in (JOINTS, PIXELS)]
    if JOINTS in needed or PIXELS in needed:
        batch += ["visible_joints", "infrared_joints"] if halves else [JOINTS]
    batch = list(dict.fromkeys(batch))
    return [*batch, *(name for name in needed if name not in BATCH)]


BATCH = ("visible", "infrared", "clips", "visible_joints", "infrared_joints", JOINTS, PIXELS, "identities", "modality")
"""What a batch can give; every other open name is a random input."""
ALL_INPUTS = (
    *("visible", "infrared", "visible_joints", "infrared_joints"),
    *("gains", "channels", "same_modality", "other_modality", *KEEP_MASKS),
)
"""What STAR's own network can be given, whether it reads it or not."""


def pieces(parts: Parts, wires: list[Wire], outputs: list[str]) -> dict[str, Any]:
    """Arguments of `Network` but for its inputs."""
    return {
        "normalise": parts.normalise,
        "encoder": parts.encoder,
        "wires": wires,
        "head": CLIP_HEAD,
        "outputs": outputs,
        "parts": parts.by_parameter_name(),
    }

"""What a model says of itself; as JSON beside an exported file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from star.data.cleaning import Cleaning
from star.data.clip import OnBadFrame, Reading
from star.types import ClipShape, Modality


@dataclass(frozen=True, kw_only=True)
class Description:
    """A model's inputs, its features and where it comes from.

    Attributes:
        run: name of the run's folder.
        run_id: in the tracking store; None for a run without one.
        checkpoint: "last" or "best".
        epoch, step: of training, done when the checkpoint was written.
        modalities: that it embeds.
        frames, height, width: T, h and w of the clips the network reads.
        uses_joints: whether it reads skeletons.
        anaglyphs: whether it reads frames and then their anaglyphs, made as frames are read.
        dim: d, width of a feature.
        on_bad_frame, min_confidence, cleaning: how frames and joints are read, see `star.data.clip.Reading`.
        batch: clips at a time.
        weights: checksum of all tensors of the network.
        variant: what is otherwise than in the run, e.g. "int8" with a checksum of its weights, or overrides; empty:
            nothing.
        config: the run's resolved configuration.
    """

    run: str
    run_id: str | None
    checkpoint: str
    epoch: int
    step: int
    modalities: tuple[Modality, ...]
    frames: int
    height: int
    width: int
    uses_joints: bool
    anaglyphs: bool = False
    dim: int
    on_bad_frame: OnBadFrame
    min_confidence: float
    cleaning: Cleaning
    batch: int
    weights: str
    variant: str = ""
    config: dict[str, Any]

    @property
    def shape(self) -> ClipShape:
        """Of a clip."""
        return ClipShape(self.frames, self.height, self.width)

    @property
    def pictures(self) -> int:
        """Of a clip: its frames, and their anaglyphs."""
        return 2 * self.frames if self.anaglyphs else self.frames

    @property
    def reading(self) -> Reading:
        """How frames and joints are read."""
        return Reading(self.on_bad_frame, self.min_confidence, self.cleaning)

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits, the same only where the same clip has the same feature."""
        joints = [self.min_confidence, asdict(self.cleaning)] if self.uses_joints else []
        decisive = [self.weights, self.variant, *self.shape, *joints]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return {**asdict(self), "fingerprint": self.fingerprint}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Description:
        """What `as_json` gave.

        Raises:
            KeyError, TypeError: the record is something else.
        """
        values = {name: record[name] for name in cls.__dataclass_fields__}
        values["modalities"] = tuple(values["modalities"])
        values["cleaning"] = Cleaning(**values["cleaning"])
        return cls(**values)

"""A tiny network and a small batch, for tests of the model and the engine."""

from typing import Any

import numpy as np
from mindspore import Tensor

from star.models import Normalise, ResNet, VideoReID
from star.models.random_inputs import KEEP_MASKS, draw_dropout, draw_style

FRAMES = 3
IDENTITIES = 5
NO_SKELETON = {"bones": False, "joints": False, "frame_guidance": False, "sequence_guidance": False}


def small_network(**options: Any) -> VideoReID:
    """VideoReID on a trunk of width 4, d = 32."""
    backbone = ResNet("basic", (1, 1, 1, 1), width=4)
    normalise = Normalise((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    return VideoReID(backbone, normalise, identities=IDENTITIES, frames=FRAMES, **options)


def small_batch(joints: bool, clips: int = 4, seed: int = 0) -> tuple[Tensor, ...]:
    """What `VideoReID.construct` takes, for `clips` rows of each modality, frames of 32 x 16."""
    rng = np.random.default_rng(seed)
    drawn = draw_style(rng, 2 * clips, FRAMES)
    masks = {}
    if joints:
        masks = draw_dropout(rng, 2 * clips, FRAMES, graph="complete", dropout=0.3, attention_dropout=0.6)
    arrays = [rng.integers(0, 256, (clips, FRAMES, 32, 16, 3), dtype=np.uint8) for _ in range(2)]
    arrays += [rng.random((clips, FRAMES, 17, 3), dtype=np.float32) for _ in range(2)]
    arrays += [*drawn.values(), *(masks[name] for name in KEEP_MASKS if masks)]
    return tuple(Tensor(array) for array in arrays)

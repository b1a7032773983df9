"""A batch of the shapes that training has, without a data set."""

from __future__ import annotations

import numpy as np

from star.config.schema import Config
from star.models.network import Network
from star.types import ALONE, NUMBER_OF_JOINTS, AnyBatch, MixedBatch, Share, TrainBatch


def blank_batch(config: Config, model: Network, share: Share = ALONE) -> AnyBatch:
    """A process's part of a batch; frames and joints are zero.

    Args:
        config: checked configuration.
        model: tells whether clips come by modality.
        share: of every batch.
    """
    size, schedule = config.dataset, config.schedule
    rows = schedule.identities * schedule.tracklets // share.world_size
    frames = blank_frames(config, model, rows)
    joints = np.zeros((rows, size.frames, NUMBER_OF_JOINTS, 3), np.float32)
    identities = np.repeat(np.arange(rows // schedule.tracklets, dtype=np.int32), schedule.tracklets)
    if "clips" in model.inputs:
        return MixedBatch(frames, joints, identities, np.arange(rows, dtype=np.int32) % 2)
    return TrainBatch(frames, frames, joints, joints, identities)


def blank_frames(config: Config, model: Network, clips: int) -> np.ndarray:
    """[clips t h w 3] uint8, all zero; with anaglyphs behind the frames where the encoder reads some."""
    size = config.dataset
    return np.zeros((clips, getattr(model.encoder, "streams", 1) * size.frames, size.height, size.width, 3), np.uint8)

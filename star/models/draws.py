"""The random numbers of a training step, drawn on the host with NumPy.

They are those of style augmentation, style attack and the dropout of the joints branch (method, section 2). A step is
then a pure function of weights, batch and draws: it can be repeated, resumed and compared between modes.
"""

import numpy as np

from star.models.joint_graph import ATTENTION_CHANNELS, ATTENTION_HEADS, Graph, joint_edges
from star.types import NUMBER_OF_JOINTS, Share, TrainingDraws


def draw_training(
    rng: np.random.Generator,
    *,
    clips: int,
    frames: int,
    gain: tuple[float, float] = (0.5, 1.5),
    joints: bool = False,
    graph: Graph = "complete",
    joint_dropout: float = 0.3,
    joint_attention_dropout: float = 0.6,
) -> TrainingDraws:
    """Draws for one step.

    Args:
        rng: its state decides everything.
        clips: n = 2b rows of the batch, visible first.
        frames: T.
        gain: smallest and largest style gain.
        joints: whether the network has the joints branch, and with it dropout.
        graph: edges of the joints branch.
        joint_dropout: share of node features that are dropped.
        joint_attention_dropout: share of attention weights that are dropped.

    Returns:
        Infrared frames have one gain for all channels, in their own order. Attention masks are drawn for the edges of
        the graph and true elsewhere, where there is no attention to drop.
    """
    visible = clips // 2
    gains = rng.uniform(*gain, (clips, frames, 3)).astype(np.float32)
    gains[visible:] = gains[visible:, :, :1]
    channels = np.tile(np.arange(3, dtype=np.int32), (clips, frames, 1))
    channels[:visible] = rng.permuted(channels[:visible], axis=-1)
    half = visible * frames
    same = np.concatenate([rng.permutation(half), half + rng.permutation(half)])
    other = np.concatenate([half + rng.permutation(half), rng.permutation(half)])
    dropout: tuple[np.ndarray, ...] = ()
    if joints:
        nodes = frames * NUMBER_OF_JOINTS
        hidden = (clips, nodes, ATTENTION_HEADS[0] * ATTENTION_CHANNELS[0])
        edges = _with_loops(graph, frames)
        dropout = (
            _attention_mask(rng, edges, (clips, ATTENTION_HEADS[0], nodes, nodes), joint_attention_dropout),
            rng.random(hidden, np.float32) >= joint_dropout,
            _attention_mask(rng, edges, (clips, ATTENTION_HEADS[1], nodes, nodes), joint_attention_dropout),
        )
    return TrainingDraws(gains, channels, same.astype(np.int32), other.astype(np.int32), dropout)


def share_of_draws(draws: TrainingDraws, share: Share) -> TrainingDraws:
    """What a process needs of the draws of a whole batch.

    Rows that give their style are counted in the batch as `star.ops.GatherRows` puts it together: all rows of process
    0, visible first, then those of process 1.
    """
    clips, frames = draws.gains.shape[:2]
    own = [_clips_of(clips, Share(rank, share.size)) for rank in range(share.size)]
    rows = [(mine[:, None] * frames + np.arange(frames)).reshape(-1) for mine in own]
    position = np.argsort(np.concatenate(rows)).astype(np.int32)
    mine, my_rows = own[share.rank], rows[share.rank]
    return TrainingDraws(
        draws.gains[mine],
        draws.channels[mine],
        position[draws.same_modality[my_rows]],
        position[draws.other_modality[my_rows]],
        tuple(mask[mine] for mask in draws.dropout),
    )


def _clips_of(clips: int, share: Share) -> np.ndarray:
    """A process's rows of a batch of n = `clips`, visible first."""
    visible = np.arange(clips // 2)[share.of(clips // 2)]
    return np.concatenate([visible, clips // 2 + visible])


def _with_loops(graph: Graph, frames: int) -> np.ndarray:
    loops = np.arange(frames * NUMBER_OF_JOINTS)
    return np.concatenate([joint_edges(graph, frames), np.stack([loops, loops])], axis=1)


def _attention_mask(rng: np.random.Generator, edges: np.ndarray, shape: tuple[int, ...], share: float) -> np.ndarray:
    mask = np.ones(shape, bool)
    source, target = edges
    mask[..., target, source] = rng.random((*shape[:2], edges.shape[1]), np.float32) >= share
    return mask

"""The random numbers of a training step inside the network, drawn on the host with NumPy.

A step is then a pure function of weights, batch and draws: it can be repeated, resumed and compared between modes. They
are those of style augmentation and style attack, of the dropout of the joints branch (method, section 2), and of every
other part with a `random_inputs`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from star.models.joint_graph import ATTENTION_CHANNELS, ATTENTION_HEADS, Graph, joint_edges
from star.models.part import random_inputs_of
from star.types import ALONE, NUMBER_OF_JOINTS, Share

Arrays = dict[str, np.ndarray]

STREAM = 1
"""Key of the stream of a step, beside those of sampler and loader."""
KEEP_MASKS = ("joint_attention_keep_1", "joint_features_keep", "joint_attention_keep_2")
"""Names of the masks of `draw_dropout`, in the order the joints branch uses them."""
DrawnPer = Literal["frame", "clip"]


def draw_style(
    rng: np.random.Generator,
    clips: int,
    frames: int,
    gain: tuple[float, float] = (0.5, 1.5),
    per: DrawnPer = "frame",
    *,
    permute: bool = True,
) -> dict[str, np.ndarray]:
    """Draws of style augmentation and style attack.

    Args:
        rng: its state decides everything.
        clips: n = 2b rows of the batch, visible first.
        frames: T.
        gain: smallest and largest style gain.
        per: whether gains and orders are a frame's own, or those of its clip's first one.
        permute: whether visible frames have their channels in random order.

    Returns:
        `gains` [n t 3] float32 and `channels` [n t 3] int32, where infrared frames have one gain for all channels in
        their own order; `same_modality` and `other_modality` [n*t] int32, the frame rows whose style the attack gives
        each frame after its first and its second pass.
    """
    visible = clips // 2
    gains = rng.uniform(*gain, (clips, frames, 3)).astype(np.float32)
    gains[visible:] = gains[visible:, :, :1]
    channels = np.tile(np.arange(3, dtype=np.int32), (clips, frames, 1))
    permuted = rng.permuted(channels[:visible], axis=-1)
    if permute:
        channels[:visible] = permuted
    if per == "clip":
        gains[:], channels[:] = gains[:, :1], channels[:, :1]
    half = visible * frames
    same = np.concatenate([rng.permutation(half), half + rng.permutation(half)])
    other = np.concatenate([half + rng.permutation(half), rng.permutation(half)])
    return {
        "gains": gains,
        "channels": channels,
        "same_modality": same.astype(np.int32),
        "other_modality": other.astype(np.int32),
    }


def draw_mixed_style(
    rng: np.random.Generator,
    clips: int,
    frames: int,
    gain: tuple[float, float] = (0.5, 1.5),
    per: DrawnPer = "frame",
    *,
    permute: bool = True,
) -> dict[str, np.ndarray]:
    """Draws of the style augmentation for rows of any modality, each as if it were visible; see `draw_style`.

    Returns:
        `gains` [n t 3] float32 and `channels` [n t 3] int32.
    """
    drawn = draw_style(rng, 2 * clips, frames, gain, per, permute=permute)
    return {"gains": drawn["gains"][:clips], "channels": drawn["channels"][:clips]}


def draw_dropout(
    rng: np.random.Generator, clips: int, frames: int, *, graph: Graph, dropout: float, attention_dropout: float
) -> dict[str, np.ndarray]:
    """Boolean keep masks of the joints branch, by the names of `KEEP_MASKS`.

    Args:
        rng: its state decides everything.
        clips: n rows.
        frames: T.
        graph: edges of the joints branch; masks are drawn for them and true elsewhere, where nothing can be dropped.
        dropout: share of node features that are dropped.
        attention_dropout: share of attention weights that are dropped.
    """
    nodes = frames * NUMBER_OF_JOINTS
    hidden = (clips, nodes, ATTENTION_HEADS[0] * ATTENTION_CHANNELS[0])
    edges = _with_loops(graph, frames)
    masks = (
        _attention_mask(rng, edges, (clips, ATTENTION_HEADS[0], nodes, nodes), attention_dropout),
        rng.random(hidden, np.float32) >= dropout,
        _attention_mask(rng, edges, (clips, ATTENTION_HEADS[1], nodes, nodes), attention_dropout),
    )
    return dict(zip(KEEP_MASKS, masks, strict=True))


def draws_of_step(
    parts: Mapping[str, Any],
    *,
    seed: int,
    clips: int,
    frames: int,
    accumulation: int = 1,
    share: Share = ALONE,
    halves: bool = True,
) -> Callable[[int], list[Arrays]]:
    """The random inputs of a step, for every part of its batch, as a function of seed and step.

    Encoder and skeleton share the step's stream, in this order, so that the baseline and STAR see the same styles.
    Every other part has a stream of its own: adding one changes no other draw.

    Args:
        parts: cells by name, as `Network.parts`.
        seed: of the run.
        clips: n rows of one part of the batch, of all processes.
        frames: T.
        accumulation: parts of a batch that go through the network one after the other.
        share: this process's rows; what a part draws is drawn for all rows and then cut.
        halves: whether the visible rows are the first half of a batch, the infrared ones the second.

    Returns:
        step -> for every part of the batch the arrays by input name; a part's own are named `<part>.<name>`.
    """

    def draw_part(generators: dict[str, np.random.Generator]) -> Arrays:
        arrays: Arrays = {}
        for name, cell in parts.items():
            drawn = random_inputs_of(cell, generators[name], clips, frames)
            if share.world_size > 1:
                cut = getattr(cell, "share_random_inputs", share_rows)
                drawn = cut(drawn, clips, share, halves)
            arrays |= {input_name(name, own): array for own, array in drawn.items()}
        return arrays

    def draw(step: int) -> list[Arrays]:
        common = np.random.default_rng([seed, STREAM, step])
        own = {name: np.random.default_rng([seed, STREAM, step, zlib.crc32(name.encode())]) for name in parts}
        generators = own | dict.fromkeys(SHARED_STREAM, common)
        return [draw_part(generators) for _ in range(accumulation)]

    return draw


SHARED_STREAM = ("encoder", "skeleton")
"""Parts that draw from the step's own stream, one after the other; their inputs keep their plain names."""


def input_name(part: str, name: str) -> str:
    """The network's name of a part's random input."""
    return name if part in SHARED_STREAM else f"{part}.{name}"


def share_rows(drawn: Arrays, clips: int, share: Share, halves: bool = True) -> Arrays:
    """What a process needs of the draws for `clips` rows: its rows, in arrays whose first axis counts clips or frames.

    Arrays of any other length belong to all processes.
    """
    mine = rows_of(clips, share, halves)
    shared = {}
    for name, array in drawn.items():
        each, rest = divmod(len(array), clips) if np.ndim(array) else (0, 1)
        own = (mine[:, None] * each + np.arange(each)).reshape(-1)
        shared[name] = array[own] if each and not rest else array
    return shared


def share_styles(drawn: Arrays, clips: int, share: Share, halves: bool = True) -> Arrays:
    """`share_rows` of `draw_style`.

    Rows that give their style are counted in the batch as `star.ops.GatherRows` puts it together: all rows of process
    0, visible first, then those of process 1.
    """
    frames = drawn["gains"].shape[1]
    rows = [rows_of(clips, Share(rank, share.world_size), halves) for rank in range(share.world_size)]
    frame_rows = [(own[:, None] * frames + np.arange(frames)).reshape(-1) for own in rows]
    position = np.argsort(np.concatenate(frame_rows)).astype(np.int32)
    shared = share_rows(drawn, clips, share, halves)
    return shared | {name: position[shared[name]] for name in ("same_modality", "other_modality")}


def rows_of(clips: int, share: Share, halves: bool = True) -> np.ndarray:
    """A process's rows of a batch of n = `clips`: its part of each half, or of the whole."""
    if not halves:
        return np.arange(clips)[share.of(clips)]
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

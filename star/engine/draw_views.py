"""Views of some clips of the test set: what a trained network attends to in them and how it pools them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from mindspore import Tensor

from star.config.schema import Config
from star.data.frame_sampling import clip_positions
from star.engine.build_data import evaluation_loader
from star.evaluation.attention_pictures import ClipAttention, draw_view
from star.models.attention_maps import read_attention
from star.models.network import Network
from star.types import MODALITIES, Modality, Split, VideoReIDData
from star.words import counted

NOTHING_TO_DRAW = (
    "no views are drawn: this network has no graph attention, no frame guidance and no guided pooling "
    "(skeleton_graph.joints, frame_guidance, sequence_guidance are false)"
)


def draw_views(config: Config, model: Network, data: VideoReIDData, count: int, folder: Path) -> list[Path]:
    """Write a PNG for each of some clips, the same clips for every run on a data set.

    Args:
        config: checked configuration of the network.
        model: with the weights of interest.
        data: its test set.
        count: clips, as far as there are so many; half of each modality, visible first.
        folder: of the pictures.

    Returns:
        The pictures; none if the network weighs nothing.

    Raises:
        DataError: a frame cannot be read.
        EvaluationError: a picture cannot be written.
    """
    options = config.skeleton_graph
    if not (options.joints or options.frame_guidance or options.sequence_guidance):
        return []
    paths = []
    for split, numbers in choose_clips(data, count):
        chosen = [split.tracklets[number] for number in numbers]
        clips = 0
        for batch in evaluation_loader(config, replace(split, tracklets=tuple(chosen))):
            frames, joints = batch.frames[: batch.count], batch.joints[: batch.count]
            views = read_attention(model, Tensor(frames), Tensor(joints), split.modality == "infrared")
            for row, view in enumerate(views):
                attention = ClipAttention(**view)
                tracklet, number = chosen[clips + row], numbers[clips + row]
                positions = clip_positions(len(tracklet.frames), config.dataset.frames)
                name = f"{split.name.replace(' ', '_')}_{number:05d}_identity_{tracklet.identity:04d}.png"
                title = (
                    f"{data.name}, {split.name}, tracklet {number}: identity {tracklet.identity:04d}, camera "
                    f"{tracklet.camera}, {split.modality}, {counted(len(tracklet.frames), 'frame')}"
                )
                labels = [f"frame {position + 1}" for position in positions]
                shown = frames[row][: len(positions)]  # without anaglyphs
                paths.append(draw_view(attention, shown, joints[row], folder / name, title=title, labels=labels))
            clips += batch.count
    return paths


def choose_clips(data: VideoReIDData, count: int, seed: int = 0) -> list[tuple[Split, list[int]]]:
    """Tracklets of the test set by split, half of each modality, of the same identities as far as both have them.

    Args:
        data: the test set.
        count: tracklets; a modality that has too few gives all it has.
        seed: of the choice.

    Returns:
        (split, ascending numbers of its tracklets).
    """
    rng = np.random.default_rng(seed)
    pools: dict[Modality, list[tuple[Split, int]]] = {
        m: [(s, n) for s in data.test_splits if s.modality == m for n in range(len(s.tracklets))] for m in MODALITIES
    }
    identities = {m: {s.tracklets[n].identity for s, n in pool} for m, pool in pools.items()}
    everybody = rng.permutation(sorted(set.union(*identities.values()))).tolist()
    everybody.sort(key=lambda identity: not all(identity in known for known in identities.values()))
    turn = {identity: place for place, identity in enumerate(everybody)}

    chosen: dict[str, tuple[Split, list[int]]] = {}
    for place, modality in enumerate(MODALITIES):
        seen: dict[int, int] = {}
        order = []
        for index in rng.permutation(len(pools[modality])).tolist():
            split, number = pools[modality][index]
            identity = split.tracklets[number].identity
            seen[identity] = seen.get(identity, 0) + 1
            order.append((seen[identity], turn[identity], index))
        for _, _, index in sorted(order)[: (count + 1 - place) // 2]:
            split, number = pools[modality][index]
            chosen.setdefault(split.name, (split, []))[1].append(number)
    return [(split, sorted(numbers)) for split, numbers in chosen.values()]

"""Initial weights and first losses of an experiment at the smallest size, to be compared between versions."""

from __future__ import annotations

import hashlib
import inspect
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from support.commands import SMALL

from star.config.check import check_overrides
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_model, build_step, draws_of_step
from star.engine.train_state import NetworkState

STEPS = 2
RATE = 0.01
SHAPES = {"frames_6": {"frames"}, "frames_10": {"frames"}, "large_frames": {"height", "width"}}
"""Keys of `dataset` that experiments are about; the overrides that make a run small leave them alone."""

ERASING = (
    *("dataset.augmentation.erase_law=log_uniform", "dataset.augmentation.erase_fill=mean"),
    "dataset.augmentation.erase_aspect=[0.3,3.3]",
)
"""How rectangles were erased when the numbers were recorded."""


class Numbers(NamedTuple):
    """What an experiment starts with and what its first steps give.

    Attributes:
        shapes: of all parameters by name, sorted.
        weights: checksum of the initial parameters, of the names too.
        losses: the terms and their total, step by step.
    """

    shapes: dict[str, tuple[int, ...]]
    weights: str
    losses: list[dict[str, float]]


def numbers(experiment: str, root: Path, mode: str, steps: int = STEPS) -> Numbers:
    """Build an experiment and train it.

    Args:
        experiment: its name.
        root: of the tiny data set.
        mode: "pynative" or "graph".
        steps: to train.
    """
    own = {f"dataset.{key}" for key in SHAPES.get(experiment, ())}
    small = [text for text in SMALL if text.partition("=")[0] not in own]
    about = (
        *ERASING,
        "dataset=hitsz_vcm",
        f"dataset.root={root}",
        f"hardware.mode={mode}",
        f"schedule.batches_per_epoch={STEPS}",
    )
    config = check_overrides([f"experiment={experiment}", *small, *about])
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    initial = dict(sorted(NetworkState(model).tensors().items()))
    step = build_step(config, model, [np.full(STEPS, RATE, np.float32)] * 2)[0]
    make_draw: Any = draws_of_step
    with_model = "model" in inspect.signature(make_draw).parameters  # not in 6139d49
    draw = make_draw(config, model) if with_model else make_draw(config)
    batches = islice(train_loader(config, data).epoch(0), steps)
    losses = [step(batch, draw(index), index) for index, batch in enumerate(batches)]
    return Numbers({name: tensor.shape for name, tensor in initial.items()}, checksum(initial), losses)


def checksum(tensors: dict[str, np.ndarray]) -> str:
    """16 hexadecimal digits over names and bytes."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(name.encode() + b"\0" + tensor.tobytes())
    return digest.hexdigest()[:16]

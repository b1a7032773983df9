"""Every shipped experiment trains: PyNative here, graph mode against it among the slow tests.

Experiments that only augment differently share the network of `star` and take their steps with one copy of it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from support.commands import SMALL
from support.methods import METHODS

from star.config.check import check_overrides
from star.config.compose import group_choices
from star.config.schema import Config
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_model, build_step, draws_of_step
from star.engine.step import TrainStep
from star.engine.train_state import NetworkState
from star.models.network import Network

AUGMENTATIONS = {
    "channel_exchange": {"channel_exchange"},
    "colour_jitter": {"colour_jitter"},
    "frame_augmentation": {"geometry", "erase_per"},
    "frame_erasing": {"erase_per"},
    "weighted_greyscale": {"weighted_greyscale"},
}
"""Experiments that differ from `star` in these keys of `dataset.augmentation` alone."""
EXPERIMENTS = [name for name in group_choices()["experiment"] if name not in METHODS.union(AUGMENTATIONS)]
SHAPES = {"frames_6": {"frames": 6}, "frames_10": {"frames": 10}, "large_frames": {"height": 384, "width": 192}}
"""What experiments say about the clips; the overrides that make a run small leave these keys to them."""
SAME_PARTS = {
    *("clean_skeletons", "frames_6", "frames_10", "large_frames", "no_consistency", "cross_modality_consistency"),
}
"""Experiments with the network of `star`, which train in the slow suite."""
FROZEN = {"model.frame_neck.norm.beta", "model.clip_neck.norm.beta"}
UNUSED = {"sequence_only": {"model.skeleton.bones.lstm.weight_hh_l0_reverse"}}
"""Of S only the last frame is used there, the first step of the reverse direction, which has nothing to remember."""


class Trained(NamedTuple):
    losses: list[dict[str, float]]
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]


def configure(experiment: str, root: Path, *overrides: str) -> Config:
    own = {f"dataset.{key}" for key in SHAPES.get(experiment, {})}
    small = [text for text in SMALL if text.partition("=")[0] not in own]
    plain = ("optimiser.weight_decay=0", "schedule.clip_norm=null", "dataset=hitsz_vcm", f"dataset.root={root}")
    return check_overrides([f"experiment={experiment}", *small, *plain, *overrides])


def build(config: Config, identities: int, steps: int) -> tuple[Network, TrainStep]:
    model = build_model(config, identities=identities)
    return model, build_step(config, model, [np.full(steps, 0.01, np.float32)] * 2)[0]


def train(experiment: str, mode: str, root: Path, steps: int) -> Trained:
    config = configure(experiment, root, f"hardware.mode={mode}", f"schedule.batches_per_epoch={steps}")
    data = load_data(config)
    model, step = build(config, len(data.train.identities), steps)
    draw = draws_of_step(config, model)
    before = NetworkState(model).tensors()
    losses = []
    for i, batch in enumerate(train_loader(config, data).epoch(0)):
        shape = {"frames": config.dataset.frames, "height": config.dataset.height, "width": config.dataset.width}
        assert batch.visible.shape == (2, *shape.values(), 3) and shape == shape | SHAPES.get(experiment, {})
        losses.append(step(batch, draw(i), i))
    return Trained(losses, before, NetworkState(model).tensors())


@pytest.fixture(scope="module")
def star_network(tiny_root: Path) -> tuple[Network, TrainStep]:
    """The network of `star` and its training step."""
    config = configure("star", tiny_root, "hardware.mode=pynative")
    return build(config, len(load_data(config).train.identities), len(AUGMENTATIONS))


@pytest.mark.parametrize("experiment", AUGMENTATIONS)
def test_every_augmentation_is_star_on_other_batches_and_trains(experiment: str, tiny_root: Path, star_network: tuple):
    model, step = star_network
    star, config = configure("star", tiny_root), configure(experiment, tiny_root)
    plain, augmented = asdict(star), asdict(config)
    keys = augmented["dataset"]["augmentation"]
    assert {key for key in keys if keys[key] != plain["dataset"]["augmentation"][key]} == AUGMENTATIONS[experiment]
    keys.update(plain["dataset"]["augmentation"])
    assert augmented == plain
    data = load_data(config)
    batch, unchanged = (next(iter(train_loader(c, data).epoch(0))) for c in (config, star))
    assert not np.array_equal(batch.visible, unchanged.visible)
    assert np.isfinite(list(step(batch, draws_of_step(config, model)(0), 0).values())).all()


@pytest.mark.parametrize(
    "experiment", [pytest.param(e, marks=[pytest.mark.slow] if e in SAME_PARTS else []) for e in EXPERIMENTS]
)
def test_every_experiment_trains_all_its_weights(experiment: str, tiny_root: Path):
    trained = train(experiment, "pynative", tiny_root, 2)
    assert all(np.isfinite(list(step.values())).all() for step in trained.losses)
    still = {name for name, tensor in trained.after.items() if np.array_equal(tensor, trained.before[name])}
    assert still == FROZEN | UNUSED.get(experiment, set())


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_graph_mode_gives_the_numbers_of_pynative(experiment: str, tiny_root: Path):
    """One step: of networks this small, every further one magnifies the rounding of the one before."""
    eager, graph = train(experiment, "pynative", tiny_root, 1), train(experiment, "graph", tiny_root, 1)
    for one, other in zip(eager.losses, graph.losses, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
    for name, tensor in eager.after.items():
        largest = float(np.abs(tensor).max())
        np.testing.assert_allclose(tensor, graph.after[name], rtol=0, atol=1e-4 * largest + 1e-7, err_msg=name)

"""Baseline and STAR learn what is in their input, and only STAR what is in the skeletons alone."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from mindspore import Tensor
from support.commands import SMALL

from star.config.check import check_overrides
from star.config.schema import Config
from star.engine.build_network import build_embedders, build_model, build_step, draws_of_step
from star.models import Network
from star.types import TrainBatch

IDENTITIES, FRAMES, HEIGHT, WIDTH = 4, 3, 32, 16
STEPS = 60
GUESS = float(np.log(IDENTITIES))


def configure(experiment: str) -> Config:
    shape = (f"dataset.frames={FRAMES}", f"schedule.identities={IDENTITIES}", "schedule.clip_norm=10.0")
    small = [text for text in SMALL if text.partition("=")[0] not in ("dataset.frames", "schedule.identities")]
    return check_overrides([f"experiment={experiment}", *small, *shape, "dataset=synthetic"])


def clips(rng: np.random.Generator, seen: bool, walks: np.ndarray) -> TrainBatch:
    """One visible and one infrared clip of everybody; with frames as they were `seen`, else the same for all."""
    people = np.random.default_rng(1).integers(0, 256, (IDENTITIES, 1, HEIGHT, WIDTH, 3))
    frames = people if seen else np.full_like(people, 128)
    frames = np.broadcast_to(frames, (IDENTITIES, FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8)
    joints = [walks + rng.normal(0, 0.005, walks.shape).astype(np.float32) for _ in range(2)]
    return TrainBatch(frames, frames, joints[0], joints[1], np.arange(IDENTITIES, dtype=np.int32))


@cache
def walks() -> np.ndarray:
    """[k t j 3] of people who differ in where their joints are."""
    return np.random.default_rng(2).random((IDENTITIES, FRAMES, 17, 3), np.float32)


def learn(experiment: str, seen: bool) -> tuple[Config, Network, float]:
    """The network after `STEPS` steps, and the mean identity loss of the last ten."""
    config, rng = configure(experiment), np.random.default_rng(0)
    model = build_model(config, identities=IDENTITIES)
    step, _ = build_step(config, model, [np.full(STEPS, 0.05, np.float32)] * 2)
    draw = draws_of_step(config, model)
    losses = [step(clips(rng, seen, walks()), draw(number), number)["identity"] for number in range(STEPS)]
    return config, model, float(np.mean(losses[-10:]))


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["baseline", "star"])
def test_people_are_memorised_by_their_frames(experiment: str):
    assert learn(experiment, seen=True)[2] < 0.05 * GUESS


def test_people_who_differ_in_their_skeletons_alone_are_found_by_star():
    config, model, loss = learn("star", seen=False)
    assert loss < 0.05 * GUESS
    model.set_train(False)
    batch = clips(np.random.default_rng(3), False, walks())
    embed = build_embedders(config, model)
    infrared = embed["infrared"](Tensor(batch.infrared), Tensor(batch.infrared_joints)).asnumpy()
    visible = embed["visible"](Tensor(batch.visible), Tensor(batch.visible_joints)).asnumpy()
    assert ((infrared @ visible.T).argmax(1) == np.arange(IDENTITIES)).all()


def test_people_who_differ_in_their_skeletons_alone_are_all_alike_to_the_baseline():
    assert learn("baseline", seen=False)[2] > 0.95 * GUESS

"""When the trainer waits, with stand-ins for the step and for the other process."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from star.engine.processes import Processes
from star.engine.signals import StopSignals
from star.engine.trainer import Pace, Trainer
from star.errors import NonFiniteLossError
from star.types import DIRECTIONS, Share

BATCHES = 5


class Steps:
    """Stands for `TrainStep`: knows how many steps were launched and not waited for."""

    def __init__(self) -> None:
        self.running = 0

    def launch(self, batch: SimpleNamespace, draws: None, epoch: int) -> None:
        self.running += 1

    def losses(self, launched: None, step: int) -> dict[str, float]:
        self.running -= 1
        return {"total": 1.0}

    def points(self) -> dict[str, float]:
        return {}


class OfTwo(Processes):
    """Process 0 of two; the other one says the same."""

    share = Share(0, 2)


def make_trainer(
    folder: Path, steps: Steps, weights: dict[str, np.ndarray], sink_size: int, stop: StopSignals
) -> Trainer:
    batches = [SimpleNamespace(inputs={"identities": np.zeros(8)}) for _ in range(BATCHES)]
    scores = {f"{direction}/{score}": 50.0 for direction in DIRECTIONS for score in ("R1", "mAP")}
    state = SimpleNamespace(tensors=lambda: weights, checksum=str)
    stand_ins: dict[str, Any] = {
        "learner": SimpleNamespace(step=steps, state=state, rates={}),
        "loader": SimpleNamespace(batches_per_epoch=BATCHES, counts={}, epoch=lambda *_: (batch for batch in batches)),
        "draw": lambda step: None,
        "evaluate": lambda: SimpleNamespace(metrics=lambda: scores, mean_map=lambda: 50.0),
        "rerank": lambda evaluation: evaluation,
        "tracker": SimpleNamespace(log_metrics=lambda values, step: None),
    }
    return Trainer(
        **stand_ins,
        pace=Pace(epochs=1, evaluate_every=1, log_every=1, checkpoint_every=None, sink_size=sink_size),
        folder=folder / "checkpoints",
        stop=stop,
        processes=OfTwo(),
    )


@pytest.mark.parametrize(("sink_size", "asked"), [(1, 5), (2, 2), (8, 0)])
def test_processes_agree_only_while_no_step_is_running(sink_size: int, asked: int, tmp_path: Path):
    """Once before the epoch, then whenever as many steps as the device is given have been waited for."""
    steps, running_when_asked = Steps(), []

    def agree(number: int) -> int:
        running_when_asked.append(steps.running)
        return number

    trainer = make_trainer(tmp_path, steps, {}, sink_size, StopSignals(agree))
    trainer.fit()
    assert running_when_asked == [0] * (1 + asked)
    assert trainer.history.step == BATCHES and steps.running == 0


def test_weights_that_a_gradient_has_spoilt_are_not_kept(tmp_path: Path):
    """The losses are finite: on the CPU a ReLU makes 0 of NaN."""
    weights = {"model.good": np.zeros(2), "model.spoilt": np.array([1, np.nan]), "optimiser.accum": np.array([np.inf])}
    trainer = make_trainer(tmp_path, Steps(), weights, 1, StopSignals())
    with pytest.raises(NonFiniteLossError, match=r"1 of 2 weights are not finite after step 5 \(model\.spoilt"):
        trainer.fit()
    assert not list(tmp_path.rglob("*.safetensors"))

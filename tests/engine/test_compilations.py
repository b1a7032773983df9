"""What MindSpore compiles: in graph mode the step once and each modality's network once, in PyNative mode nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mindspore.graph.api
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn
from support.commands import SMALL

from star.config.check import check_overrides
from star.data.loader import EvaluationLoader
from star.engine import build_network
from star.engine.build_data import load_data, train_loader
from star.engine.optimisers import SGD
from star.engine.processes import Processes
from star.engine.signals import StopSignals
from star.engine.step import Optimisers, TrainStep
from star.engine.trainer import Trainer
from star.losses import WeightedLosses
from star.tracking.null_tracker import NullTracker
from star.types import TrainBatch


class Counting:
    """MindSpore's compiler, with a record of what it was given."""

    def __init__(self, real: Any):
        self.real = real
        self.compiled: list[str] = []

    def get_instance(self) -> Counting:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def compile(self, function: Any, *rest: Any) -> bool:
        name = function.__name__ if not isinstance(function, nn.Cell) else type(function).__name__
        self.compiled.append(name)
        return self.real.compile(function, *rest)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what MindSpore has compiled."""
    counting = Counting(mindspore.graph.api.JitExecutor_.get_instance())
    monkeypatch.setattr(mindspore.graph.api, "JitExecutor_", counting)
    return counting.compiled


@pytest.fixture
def trainer(tiny_root: Path, tmp_path: Path) -> Iterator[Callable[..., Trainer]]:
    """Builds what a run trains with: two epochs of two steps, each with a ranking of splits of 4 + 2 clips."""
    about = {"experiment": "", "run_name": "", "params": {}, "tags": {}, "spool": tmp_path / "spool", "run_id": None}
    tracker = NullTracker(**about)

    def build(*overrides: str) -> Trainer:
        given = [*SMALL, "dataset=hitsz_vcm", f"dataset.root={tiny_root}", "schedule.evaluation_batch=4"]
        config = check_overrides([*given, "hardware.loader_workers=1", "tracker=none", *overrides])
        data = load_data(config)
        assert all(len(split.tracklets) == 6 for split in data.test_splits)
        loader = train_loader(config, data)
        return build_network.build_trainer(config, data, loader, tracker, tmp_path, StopSignals(), Processes())

    yield build
    tracker.finish("FINISHED")


def unpadded(embedder: Callable, loader: EvaluationLoader, gather: None = None) -> np.ndarray:
    """`embed`, but the last batch is fed as short as it is."""
    batches: Iterator = iter(loader)
    rows = [embedder(Tensor(b.frames[: b.count]), Tensor(b.joints[: b.count])).asnumpy() for b in batches]
    return np.concatenate(rows)


def test_two_epochs_compile_each_graph_once(
    trainer: Callable[..., Trainer], compiled: list[str], monkeypatch: pytest.MonkeyPatch
):
    run = trainer("experiment=plain")
    run.fit()
    assert run.history.step == 4 and run.history.epoch == 2
    assert compiled == ["update", "Embedder", "Embedder"]
    monkeypatch.setattr(build_network, "embed", unpadded)
    run.evaluate()
    assert compiled[3:] == ["Embedder", "Embedder"]


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_pynative_mode_compiles_nothing(optimiser: str, trainer: Callable[..., Trainer], compiled: list[str]):
    """Neither network nor step, nor the optimiser, around which MindSpore puts `ms.jit` itself."""
    run = trainer("experiment=plain", "hardware.mode=pynative", f"optimiser={optimiser}")
    run.fit()
    run.evaluate()
    assert run.history.step == 4 and compiled == []


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["baseline", "star", "cross_modality_consistency"])
def test_other_experiments_compile_each_graph_once(
    experiment: str, trainer: Callable[..., Trainer], compiled: list[str]
):
    run = trainer(f"experiment={experiment}", "hardware.precision=O2")
    run.fit()
    assert run.history.step == 4
    assert compiled == ["update", "Embedder", "Embedder"]


class Scale(nn.Cell):
    inputs = ("visible",)

    def __init__(self) -> None:
        super().__init__()
        self.weight = Parameter(Tensor(np.ones(3, np.float32)), name="weight")

    def construct(self, visible: Tensor) -> dict:
        return {"scaled": self.weight * visible}


class Sum(nn.Cell):
    reads = ("scaled",)

    def construct(self, scaled: Tensor) -> Tensor:
        return scaled.sum()


def test_a_short_training_batch_would_compile_the_step_again(compiled: list[str]):
    model = Scale()
    optimiser = SGD(weight_decay=0.0).build([([model.weight], np.ones(4, np.float32), 1.0)])
    step = TrainStep(
        model, WeightedLosses({"sum": Sum()}, {"sum": 1.0}), Optimisers(optimiser), graph=True, clip_norm=None
    )
    for number, clips in enumerate((4, 4, 4, 3)):
        x = np.ones((clips, 3), np.float32)
        step(TrainBatch(x, x, x, x, np.zeros(clips, np.int32)), [{}], number)
        assert compiled == ["update"] * (1 if clips == 4 else 2)

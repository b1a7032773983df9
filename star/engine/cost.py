"""What a configuration costs: parameters, operations of a clip, time and memory of training and evaluation."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from star.config.check import check_overrides
from star.config.schema import Config
from star.errors import ConfigError, Problem
from star.types import NUMBER_OF_JOINTS

if TYPE_CHECKING:
    from mindspore import Tensor

    from star.engine.learner import Learner
    from star.losses import WeightedLosses
    from star.models.network import Network
    from star.types import AnyBatch

Refusal = tuple[Problem, ...]
_STATISTICS = ("moving_mean", "moving_variance")
_PICTURES = ("visible", "infrared", "clips")


class Measured(NamedTuple):
    """Times and memory on this machine.

    Attributes:
        step: seconds of a training step.
        clips: of its batch.
        embedding: seconds of a clip in evaluation.
        peak: bytes, the most the process has had at a time.
    """

    step: float
    clips: int
    embedding: float
    peak: int


class Cost(NamedTuple):
    """Of one configuration.

    Attributes:
        parameters: numbers in the network and its loss terms, without running statistics.
        trained: those of them that an optimiser moves.
        training_only: those that evaluation is without.
        width: of a retrieval feature.
        operations: multiplications with their additions for the retrieval feature of one clip.
        measured: None: nothing.
    """

    parameters: int
    trained: int
    training_only: int
    width: int
    operations: int
    measured: Measured | None = None


def costs(jobs: Sequence[Sequence[str]], identities: int, steps: int) -> list[Cost | Refusal]:
    """The costs of configurations, each in a process of its own, for peak memory is that of a process.

    Args:
        jobs: overrides of each.
        identities: k, classes of the classifiers.
        steps: to measure, after a first one that compiles; 0 measures nothing.

    Returns:
        For a configuration that is refused, why.
    """
    found: list[Cost | Refusal] = []
    for overrides in jobs:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            found.append(process.submit(_cost_or_refusal, list(overrides), identities, steps).result())
    return found


def _cost_or_refusal(overrides: list[str], identities: int, steps: int) -> Cost | Refusal:
    try:
        config = check_overrides(overrides)
    except ConfigError as error:
        return tuple(dict.fromkeys(error.problems))
    from star.engine.hardware import select_device

    select_device(config.hardware)
    return cost_of(config, identities, steps)


def cost_of(config: Config, identities: int, steps: int) -> Cost:
    """The cost of a checked configuration on the selected device; the numbers as in `costs`."""
    from star.engine.build_network import build_learner, build_model
    from star.engine.build_step import build_losses

    if not steps:
        model = build_model(config, identities=identities, initial_values=False)
        return _counted(config, model, build_losses(config, model))
    learner = build_learner(config, identities, steps + 1)
    cost = _counted(config, learner.model, learner.losses)
    return cost._replace(measured=_measured(config, learner, steps))


def count_parameters(model: Network, losses: WeightedLosses) -> tuple[int, int, int]:
    """Numbers in parts and loss terms, without running statistics: all, those that are trained, of training only."""
    cells = {**model.parts, **{f"loss.{name}": term for name, term in zip(losses.names, losses.terms, strict=True)}}
    numbers = {id(p): p for cell in cells.values() for p in cell.get_parameters() if not p.name.endswith(_STATISTICS)}
    in_retrieval = {id(p) for name, cell in cells.items() if not _is_apart(name, model) for p in cell.get_parameters()}
    return (
        sum(p.size for p in numbers.values()),
        sum(p.size for p in numbers.values() if p.requires_grad),
        sum(p.size for key, p in numbers.items() if key not in in_retrieval),
    )


def _counted(config: Config, model: Network, losses: WeightedLosses) -> Cost:
    from star.engine.operations import counted_operations

    model.set_train(False)
    with counted_operations(model) as operations:
        feature = model.embed(*_clips(config, model, 1), False)
    return Cost(*count_parameters(model, losses), int(feature.shape[1]), operations.total)


def _is_apart(name: str, model: Network) -> bool:
    """Whether evaluation is without a part or a loss term."""
    wires = {wire.name: wire.training_only and wire.cell is not model.head for wire in model.wires}
    return name.startswith("loss.") or wires.get(name, False)


def _measured(config: Config, learner: Learner, steps: int) -> Measured:
    from star.engine.blank_batch import blank_batch
    from star.engine.build_network import build_embedders, draws_of_step

    model, clips = learner.model, config.schedule.evaluation_batch
    batch, draw, rng = blank_batch(config, model), draws_of_step(config, model), np.random.default_rng(0)
    for name, values in batch.inputs.items():
        if name in _PICTURES:
            values[...] = rng.integers(0, 256, values.shape, np.uint8)
        elif name.endswith("joints"):
            values[...] = rng.random(values.shape, np.float32)
    model.set_train(True)
    last = max(learner.losses.from_epoch)
    step = _median(lambda number: learner.step(batch, draw(number), number, last), steps)
    model.set_train(False)
    embed, inputs = build_embedders(config, model)["visible"], _clips(config, model, clips)
    embedding = _median(lambda number: embed(*inputs).asnumpy(), steps)
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(step, _rows_of(batch), embedding / clips, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def _rows_of(batch: AnyBatch) -> int:
    return sum(len(values) for name, values in batch.inputs.items() if name in _PICTURES)


def _clips(config: Config, model: Network, count: int) -> tuple[Tensor, Tensor]:
    from mindspore import Tensor

    from star.engine.blank_batch import blank_frames

    joints = np.zeros((count, config.dataset.frames, NUMBER_OF_JOINTS, 3), np.float32)
    return Tensor(blank_frames(config, model, count)), Tensor(joints)


def _median(run: Callable[[int], object], times: int) -> float:
    """Seconds of a call by the clock, after a first one that compiles."""
    run(0)
    seconds = []
    for number in range(1, times + 1):
        start = time.perf_counter()
        run(number)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def as_rows(labels: Sequence[str], found: Sequence[Cost | Refusal]) -> list[list[str]]:
    """Head and lines of a table; configurations that are refused are left out."""
    head = ["", "parameters", "trained", "training only", "feature", "operations a clip"]
    measured = any(isinstance(cost, Cost) and cost.measured for cost in found)
    rows = [[*head, "step", "clips a step", "embedding a clip", "peak memory"] if measured else head]
    for label, cost in zip(labels, found, strict=True):
        if not isinstance(cost, Cost):
            continue
        counts = [cost.parameters, cost.trained, cost.training_only]
        row = [label, *(f"{count:,}" for count in counts), f"{cost.width:,}", f"{cost.operations / 1e9:.3g} G"]
        if cost.measured:
            step, clips, embedding, peak = cost.measured
            row += [f"{step:.2f} s", str(clips), f"{1000 * embedding:.1f} ms", f"{peak / 1e9:.2f} GB"]
        rows.append(row)
    return rows

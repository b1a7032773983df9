"""The training loop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from star.data.loader import TrainLoader
from star.engine.checkpoint import load_checkpoint, save_checkpoint
from star.engine.progress import TrainingProgress
from star.engine.state import NetworkState
from star.engine.step import TrainStep
from star.evaluation.evaluator import Evaluation
from star.types import DIRECTIONS, Tracker, TrainingDraws

logger = logging.getLogger(__name__)

_PER_EPOCH = ("/R1", "/mAP", "/mINP")


@dataclass
class History:
    """Where a run stands; with the tensors of `NetworkState` all that a checkpoint holds.

    Random states are not in it because there are none: every draw is a function of seed, epoch and step.

    Attributes:
        epoch, step: number of finished epochs and steps.
        scores: of the last ranking, by `<direction>/<score>`.
        best_mean: largest mean mAP of both directions; its weights are the checkpoint "best".
        best_on_test: largest value of each score over all rankings, each chosen on the test set for itself.
        seconds: spent in training steps.
    """

    epoch: int = 0
    step: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    best_mean: float = -1.0
    best_on_test: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


class Trainer:
    """Train, rank, keep the last and the best weights.

    Args:
        step: one update.
        state: the tensors the step changes.
        loader: batches of an epoch.
        draw: random numbers of a step, a function of the step's number.
        evaluate: ranks the test set with the present weights.
        tracker: where losses and scores go.
        rates: learning rates by group name, [steps] each.
        folder: of the checkpoints.
        epochs: length of the run.
        evaluate_every: epochs between rankings; the last epoch is always ranked.
        log_every: steps between logged points.
    """

    def __init__(
        self,
        *,
        step: TrainStep,
        state: NetworkState,
        loader: TrainLoader,
        draw: Callable[[int], TrainingDraws],
        evaluate: Callable[[], Evaluation],
        tracker: Tracker,
        rates: dict[str, np.ndarray],
        folder: Path,
        epochs: int,
        evaluate_every: int,
        log_every: int,
    ):
        self.step, self.state, self.loader, self.draw, self.evaluate = step, state, loader, draw, evaluate
        self.tracker, self.rates, self.folder = tracker, rates, folder
        self.epochs, self.evaluate_every, self.log_every = epochs, evaluate_every, log_every
        self.history = History()

    def restore(self) -> None:
        """Continue from the last checkpoint of `folder`.

        Raises:
            CheckpointError: there is none, or it does not fit the network.
        """
        tensors, record = load_checkpoint(self.folder, "last")
        self.state.restore(tensors)
        record.pop("sha256", None)
        self.history = History(**record)
        logger.info("continuing after epoch %d, step %d", self.history.epoch, self.history.step)

    def fit(self) -> Evaluation:
        """Train to the last epoch and return its ranking."""
        evaluation: Evaluation | None = None
        steps = self.epochs * self.loader.batches_per_epoch
        with TrainingProgress(steps, self.history.step) as progress:
            for epoch in range(self.history.epoch, self.epochs):
                started = time.perf_counter()
                losses = self._train_epoch(epoch, progress)
                self.history.seconds += time.perf_counter() - started
                self.history.epoch = epoch + 1
                last = epoch + 1 == self.epochs
                if last or (epoch + 1) % self.evaluate_every == 0:
                    progress.evaluating()
                    evaluation = self.evaluate()
                    self._keep_scores(evaluation)
                self._log_counts()
                self._save("last")
                self._report_epoch(epoch, losses, time.perf_counter() - started)
        return evaluation or self.evaluate()

    def _train_epoch(self, epoch: int, progress: TrainingProgress) -> dict[str, float]:
        sums: dict[str, float] = {}
        before = time.perf_counter()
        for batch in self.loader.epoch(epoch):
            index = self.history.step
            losses = self.step(batch, self.draw(index), index)
            self.history.step += 1
            now = time.perf_counter()
            clips_per_second, before = 2 * len(batch.identities) / (now - before), now
            sums = {name: sums.get(name, 0.0) + value for name, value in losses.items()}
            progress.step(epoch, self.epochs, losses, clips_per_second)
            if index % self.log_every == 0:
                points = {f"loss/{name}": value for name, value in losses.items()}
                points |= {f"rate/{group}": float(rates[index]) for group, rates in self.rates.items()}
                self.tracker.log_metrics({**points, "throughput/clips_per_s": clips_per_second}, index)
        return {name: value / self.loader.batches_per_epoch for name, value in sums.items()}

    def _keep_scores(self, evaluation: Evaluation) -> None:
        scores = evaluation.metrics()
        history = self.history
        history.scores = scores
        history.best_on_test = {
            name: max(value, history.best_on_test.get(name, value)) for name, value in scores.items()
        }
        self.tracker.log_metrics({n: v for n, v in scores.items() if n.endswith(_PER_EPOCH)}, history.step)
        mean = sum(scores[f"{direction}/mAP"] for direction in DIRECTIONS) / len(DIRECTIONS)
        if mean > history.best_mean:
            history.best_mean = mean
            self._save("best")

    def _log_counts(self) -> None:
        """What was wrong with the training data so far, such as frames without a skeleton."""
        wrong = {f"data/{name}": float(n) for name, n in self.loader.counts.items() if name != "frames" and n}
        if wrong:
            self.tracker.log_metrics(wrong, self.history.step)

    def _save(self, label: str) -> None:
        record: dict[str, Any] = asdict(self.history)
        save_checkpoint(self.folder, label, self.state.tensors(), record)

    def _report_epoch(self, epoch: int, losses: dict[str, float], seconds: float) -> None:
        terms = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
        line = f"epoch {epoch + 1}/{self.epochs}  {terms}  {seconds:.1f} s"
        ranked = epoch + 1 == self.epochs or (epoch + 1) % self.evaluate_every == 0
        if ranked:
            scores = self.history.scores
            line += "".join(f"  {d} R1 {scores[f'{d}/R1']:.2f} mAP {scores[f'{d}/mAP']:.2f}" for d in DIRECTIONS)
        logger.info(line)

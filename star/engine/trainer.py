"""The training loop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from star.data.loader import TrainLoader
from star.engine.checkpoint import load_newest, save_checkpoint
from star.engine.learner import Learner
from star.engine.processes import Processes
from star.engine.profile import StepProfile
from star.engine.progress import TrainingProgress
from star.engine.signals import StopSignals
from star.engine.step import Launched
from star.engine.time_shares import TimeShares
from star.engine.train_state import require_finite
from star.evaluation.evaluator import Evaluation
from star.models.random_inputs import Arrays
from star.types import DIRECTIONS, Tracker

logger = logging.getLogger(__name__)

_EARLIER_NAMES = {"wrong": "data_problems", "wrong_now": "new_data_problems"}
"""Fields of a history, by the names that checkpoints of earlier versions have for them."""
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
        batch: number of finished batches of the running epoch.
        sums: of the loss terms over them.
        epoch_seconds: spent in the running epoch.
        data_problems: of the training data in all finished epochs, such as frames without a skeleton.
        new_data_problems: whether the running epoch has any.
    """

    epoch: int = 0
    step: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    best_mean: float = -1.0
    best_on_test: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    batch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    epoch_seconds: float = 0.0
    data_problems: dict[str, int] = field(default_factory=dict)
    new_data_problems: bool = False


class Pace(NamedTuple):
    """How long a run is, and what happens how often.

    Attributes:
        epochs: length of the run.
        evaluate_every: epochs between rankings; the last epoch is always ranked.
        log_every: steps between logged points.
        checkpoint_every: steps between checkpoints within an epoch; None: only at its end.
        sink_size: steps the device is given before the host waits for their losses.
    """

    epochs: int
    evaluate_every: int
    log_every: int
    checkpoint_every: int | None
    sink_size: int


class Trainer:
    """Train, rank, keep the last and the best weights.

    Args:
        learner: the network and all that changes it.
        loader: batches of an epoch.
        pace: length of the run and what happens how often.
        draw: random numbers of a step, for every part of its batch, a function of the step's number.
        evaluate: ranks the test set with the present weights.
        rerank: adds to the last ranking what is asked of it alone.
        tracker: where losses and scores go.
        folder: of the checkpoints.
        stop: looked at after every step; a stop leaves a checkpoint.
        processes: that train together; the first writes the checkpoints.
        profile: looks at some of the steps.

    Attributes:
        shares: where the time went.
    """

    def __init__(
        self,
        learner: Learner,
        loader: TrainLoader,
        pace: Pace,
        *,
        draw: Callable[[int], Sequence[Arrays]],
        evaluate: Callable[[], Evaluation],
        rerank: Callable[[Evaluation], Evaluation],
        tracker: Tracker,
        folder: Path,
        stop: StopSignals,
        processes: Processes,
        profile: StepProfile | None = None,
    ):
        self.step, self.state, self.rates = learner.step, learner.state, learner.rates
        self.loader, self.pace, self.draw, self.evaluate, self.rerank = loader, pace, draw, evaluate, rerank
        self.tracker, self.folder, self.stop = tracker, folder, stop
        self.processes, self.profile = processes, profile
        self.history = History()
        self._earlier_data_problems: dict[str, int] = {}
        self._measured = 0.0
        self.shares = TimeShares()

    def restore(self) -> None:
        """Continue from the newest usable checkpoint of `folder`; without any, from the start.

        Raises:
            CheckpointError: all are damaged, or they do not fit the network.
        """
        if not self.processes.first:
            self.processes.tell(None)  # the first may have to mend what it finds
        found = load_newest(self.folder)
        if self.processes.first:
            self.processes.tell(None)
        if found is None:
            logger.info("the run was stopped before its first checkpoint: it begins anew")
            return
        tensors, record = found
        self.state.restore(tensors)
        self.history = history = History(**{_EARLIER_NAMES.get(name, name): value for name, value in record.items()})
        self._earlier_data_problems = history.data_problems
        within = f", batch {history.batch} of the next" if history.batch else ""
        logger.info("continuing after epoch %d, step %d%s", history.epoch, history.step, within)

    def fit(self) -> Evaluation:
        """Train to the last epoch and return its ranking.

        Raises:
            SystemExit: a stop was asked for; all finished steps are in the checkpoint "last".
        """
        evaluation: Evaluation | None = None
        history = self.history
        if self.processes.share.world_size > 1:
            self.processes.require_same(self.state.checksum(), "weights (their checksum)")
        with TrainingProgress(self.pace.epochs * self.loader.batches_per_epoch, history.step) as progress:
            while history.epoch < self.pace.epochs:
                self._train_epoch(history.epoch, progress)
                began = time.perf_counter()
                ranked = history.epoch + 1 == self.pace.epochs or (history.epoch + 1) % self.pace.evaluate_every == 0
                if ranked:
                    progress.evaluating()
                    evaluation = self._evaluate()
                losses = {name: value / self.loader.batches_per_epoch for name, value in history.sums.items()}
                seconds = history.epoch_seconds + time.perf_counter() - began
                history.data_problems = self._data_problems()
                history.epoch += 1
                history.batch, history.sums, history.epoch_seconds, history.new_data_problems = 0, {}, 0.0, False
                if evaluation is not None and ranked:
                    self._keep_scores(evaluation)
                self._log_data_problems()
                self._save("last")
                self._report_epoch(losses, seconds, ranked)
        with self.shares.of("evaluation"):
            return self.rerank(evaluation or self.evaluate())

    def _train_epoch(self, epoch: int, progress: TrainingProgress) -> None:
        """The batches of an epoch that are not done yet."""
        history = self.history
        self.stop.check()
        start = 0 if history.new_data_problems else history.batch  # problems of batches done before are counted again
        launched: list[Launched] = []
        self._measured = time.perf_counter()
        with closing(self.loader.epoch(epoch, start)) as batches:
            for batch in self.shares.waiting("loader", islice(batches, history.batch - start, None)):
                if self.profile is not None:
                    self.profile.before_step()
                with self.shares.of("step"):
                    launched.append(self.step.launch(batch, self.draw(history.step + len(launched)), epoch))
                due = self._is_due(len(launched))
                if due or len(launched) == self.pace.sink_size:
                    self._settle(launched, len(batch.inputs["identities"]), progress)
                asked = self._stop_asked(launched)
                if asked and launched:
                    self._settle(launched, len(batch.inputs["identities"]), progress)
                if asked or due:
                    self._save("last")
                if asked:
                    self.stop.end()
            if launched:
                self._settle(launched, len(batch.inputs["identities"]), progress)

    def _stop_asked(self, launched: Sequence[Launched]) -> bool:
        """Whether to stop; several processes agree when nothing is launched, or their message would wait behind it.

        MindSpore waits for a message to be sent in a loop that takes a whole core from the kernels before it.
        """
        return (not launched or self.processes.share.world_size == 1) and self.stop.asked()

    def _settle(self, launched: list[Launched], clips: int, progress: TrainingProgress) -> None:
        """Wait for steps that were launched, of `clips` clips each in this process; leaves the list empty."""
        history = self.history
        with self.shares.of("step"):
            found = [self.step.losses(step, history.step + index) for index, step in enumerate(launched)]
        now = time.perf_counter()
        seconds, self._measured = (now - self._measured) / len(launched), now
        clips_per_second = clips * self.processes.share.world_size / seconds
        for losses in found:
            index = history.step
            history.step += 1
            history.batch += 1
            history.seconds += seconds
            history.epoch_seconds += seconds
            history.sums = {name: history.sums.get(name, 0.0) + value for name, value in losses.items()}
            progress.step(history.epoch, self.pace.epochs, losses, clips_per_second)
            if index % self.pace.log_every == 0:
                points = {f"loss/{name}": value for name, value in losses.items()}
                points |= {f"rate/{group}": float(rates[index]) for group, rates in self.rates.items()}
                points |= {"throughput/clips_per_s": clips_per_second, **self.step.points()}
                with self.shares.of("tracker"):
                    self.tracker.log_metrics(points, index)
        launched.clear()

    def _is_due(self, launched: int) -> bool:
        """Whether a checkpoint within the epoch is, after steps that were launched; its end has one anyway."""
        every, step, batch = self.pace.checkpoint_every, self.history.step + launched, self.history.batch + launched
        return every is not None and step % every == 0 and batch < self.loader.batches_per_epoch

    def _evaluate(self) -> Evaluation:
        """A ranking that is broken off is repeated when the run goes on."""
        try:
            with self.shares.of("evaluation"):
                return self.evaluate()
        except SystemExit:
            self._save("last")
            raise

    def _keep_scores(self, evaluation: Evaluation) -> None:
        scores = evaluation.metrics()
        history = self.history
        history.scores = scores
        history.best_on_test = {
            name: max(value, history.best_on_test.get(name, value)) for name, value in scores.items()
        }
        self.tracker.log_metrics({n: v for n, v in scores.items() if n.endswith(_PER_EPOCH)}, history.step)
        mean = evaluation.mean_map()
        if mean > history.best_mean:
            history.best_mean = mean
            self._save("best")

    def _data_problems(self) -> dict[str, int]:
        """Those of the training data so far; bad files are named in the log, their uses counted here."""
        now = self.processes.sum(self.loader.counts)
        names = [name for name in now if name not in ("frames", "bad_files")]
        total = {name: self._earlier_data_problems.get(name, 0) + now[name] for name in names}
        return {name: n for name, n in total.items() if n}

    def _log_data_problems(self) -> None:
        if self.history.data_problems:
            points = {f"data/{name}": float(n) for name, n in self.history.data_problems.items()}
            self.tracker.log_metrics(points, self.history.step)

    def _save(self, label: str) -> None:
        if self.history.batch:
            self.history.new_data_problems = self._data_problems() != self.history.data_problems
        if self.processes.first:
            with self.shares.of("checkpoint"):
                tensors = self.state.tensors()
                require_finite(tensors, self.history.step)
                save_checkpoint(self.folder, label, tensors, asdict(self.history))

    def _report_epoch(self, losses: dict[str, float], seconds: float, ranked: bool) -> None:
        terms = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
        line = f"epoch {self.history.epoch}/{self.pace.epochs}  {terms}  {seconds:.1f} s"
        if ranked:
            scores = self.history.scores
            line += "".join(f"  {d} R1 {scores[f'{d}/R1']:.2f} mAP {scores[f'{d}/mAP']:.2f}" for d in DIRECTIONS)
        logger.info(line)

"""A run from start to end: data, fingerprint, tracker, network, training, results."""

from __future__ import annotations

import logging
import math
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from star.config.notes import notes
from star.config.paths import outputs_folder
from star.config.schema import Config
from star.config.stored_run import RUN_FILE, read_record
from star.data.frames_digest import frames_digest
from star.engine.build_data import load_data, train_loader
from star.engine.checkpoint import load_checkpoint, load_newest
from star.engine.job import Job, hydra_job
from star.engine.launch import is_worker, train_with_workers
from star.engine.processes import Processes, join_processes
from star.engine.run_record import open_tracker, write_run_files
from star.engine.signals import StopSignals
from star.errors import CheckpointError, ConfigError, Problem
from star.tracking.fingerprint import Fingerprint, fingerprint
from star.tracking.runs import RunRecord, find_finished, join_study, read_run_folder
from star.tracking.silent_tracker import SilentTracker
from star.tracking.spool import SPOOL_NAME, opening_event
from star.tracking.store import store_uri
from star.types import DIRECTIONS
from star.words import counted

if TYPE_CHECKING:
    from star.engine.build_network import MakeEmbedders

logger = logging.getLogger(__name__)


def run_job(config: Config, exported: MakeEmbedders | None = None) -> float:
    """Train and rank one checked configuration, or show the finished run that has its fingerprint.

    A traceback goes to the run's log; the terminal gets it from the interpreter, or one line in a sweep.

    Args:
        config: checked configuration.
        exported: as `star.engine.build_network.embedders_of` takes it.

    Returns:
        Mean of the last mAP of both directions in percent, for sweepers that optimise.

    Raises:
        SystemExit: SIGTERM, SIGUSR1 or SIGUSR2 came; checkpoint and run are closed.
    """
    job = hydra_job(config)
    if config.hardware.processes > 1 and not is_worker():
        train_with_workers(config.hardware, job.overrides, job.folder)
        return _mean_of(job.folder)
    processes = join_processes(config.hardware)
    job = job._replace(folder=Path(processes.tell(str(job.folder))))
    several = processes.share.world_size > 1
    log = _log_file(job.folder / "train.log") if processes.first else nullcontext()
    with StopSignals(processes.largest if several else None) as stop, log:
        if not processes.first:
            return _run(config, job, stop, processes, exported)
        try:
            return _run(config, job, stop, processes, exported)
        except (KeyboardInterrupt, SystemExit):
            if (job.folder / RUN_FILE).is_file():
                by = stop.received.name if stop.received else "Ctrl-C"
                logger.info("stopped by %s; to go on: star-train resume=%s", by, shlex.quote(str(job.folder)))
            raise
        except Exception as error:
            logger.debug("failed", exc_info=True)
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                reason = str(error) or type(error).__name__
                logger.error("%s seed %d failed, the sweep goes on: %s", job.experiment, config.seed, reason)
            logger.info("the log of this run is %s", job.folder / "train.log")
            raise


class _Start(NamedTuple):
    """What process 0 decides for all.

    Attributes:
        finished: mean mAP of the finished run that takes the place of this one, if there is one.
        resumes: whether checkpoints of the run's folder are continued.
        run_id: of the run to continue in the store.
    """

    finished: float | None = None
    resumes: bool = False
    run_id: str | None = None


def _run(config: Config, job: Job, stop: StopSignals, processes: Processes, exported: MakeEmbedders | None) -> float:
    """The run in each of its processes. The first one reads the data set before the others: it may have to make it."""
    first = processes.first
    if first:
        data = load_data(config)
        current = fingerprint(config, data.fingerprint, frames_digest(data))
        start = _Start(*processes.tell(_start(config, job, current)))
    else:
        start = _Start(*processes.tell(None))
    if start.finished is not None:
        return start.finished
    if not first:
        data = load_data(config)
        current = fingerprint(config, data.fingerprint, frames_digest(data))
    loader = train_loader(config, data, processes.share)
    processes.require_same(current.digest, "configuration, data and code")
    tracking = open_tracker(config, job, data, current, start.run_id) if first else nullcontext(SilentTracker())
    with stop.held(), tracking as tracker, processes.watched(lambda: tracker.finish("FAILED")):
        if first:
            write_run_files(config, job, current, tracker)
            for note in (*notes(config), *data.notes):
                logger.warning(note)
        from star.engine.build_network import build_trainer
        from star.engine.results import log_results

        trainer = build_trainer(config, data, loader, tracker, job.folder / "checkpoints", stop, processes, exported)
        if start.resumes:
            trainer.restore()
        evaluation = trainer.fit()
        if not first:
            return evaluation.mean_map()
        if trainer.profile is not None:
            report = trainer.profile.report(trainer.shares)
            tracker.log_artifact(report)
            logger.info("where the time went: %s", report)
        return log_results(job.folder, tracker, data, evaluation, trainer.history)


def _start(config: Config, job: Job, current: Fingerprint) -> _Start:
    if config.resume or _is_unfinished(job.folder):
        run_id = _resumed_run(job.folder, current)
        if run_id is not None and _is_complete(job.folder):
            done = read_run_folder(job.folder)
            return _Start(finished=_shown(done, "finished before, nothing is left to go on with"))
        return _Start(resumes=True, run_id=run_id)
    if config.tracker.kind == "mlflow" and not config.rerun:
        return _Start(finished=_finished_mean(config, current))
    return _Start()


def _mean_of(folder: Path) -> float:
    """Mean of the final mAP of the run that workers have finished in `folder`, or that they have found finished."""
    scores = read_run_folder(folder).metrics if (folder / RUN_FILE).is_file() else {}
    return sum(scores.get(f"final/{direction}/mAP", math.nan) for direction in DIRECTIONS) / len(DIRECTIONS)


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    package = logging.getLogger("star")
    package.setLevel(logging.DEBUG)
    package.addHandler(handler)
    try:
        yield
    finally:
        package.removeHandler(handler)
        handler.close()


def _is_unfinished(folder: Path) -> bool:
    """Whether the job's own folder has a run to go on with: a cluster has put the job into its queue again."""
    return (folder / RUN_FILE).is_file() and read_run_folder(folder).status != "FINISHED"


def _is_complete(folder: Path) -> bool:
    """Whether a run has finished, and not with last weights that are damaged: then it goes on from those before them.

    Raises:
        CheckpointError: no checkpoint of it can be read; the run is left as it is.
    """
    if read_run_folder(folder).status != "FINISHED":
        return False
    try:
        load_checkpoint(folder / "checkpoints", "last")
    except CheckpointError:
        return load_newest(folder / "checkpoints") is None
    return True


def _resumed_run(folder: Path, current: Fingerprint) -> str | None:
    """The id of the run to continue; None for one that was stopped before it was opened, or without its record.

    Raises:
        ConfigError: configuration, data or weights are not those the run was started with.
    """
    if not (folder / RUN_FILE).is_file():
        return None
    path = folder / "fingerprint.json"
    try:
        before = Fingerprint.load(path)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        expected = f"the fingerprint the run was started with ({error}); without it the run has to be started again"
        raise ConfigError([Problem("resume", str(path), expected)]) from error
    before = before if before.frames else before._replace(frames=current.frames)
    different = [line for line in current.differences(before) if not line.startswith(("code", "packages", "parts"))]
    if different:
        expected = f"the run's own configuration and data ({'; '.join(different)})"
        raise ConfigError([Problem("resume", str(folder), expected)])
    if current != before:
        logger.warning("continued with other software: %s", "; ".join(current.differences(before)))
    return _recorded_id(folder)


def _recorded_id(folder: Path) -> str | None:
    """The run's id in its store, from `run.json` or, where that is damaged, from what was tracked."""
    record = read_record(folder)
    if record:
        return record.get("run_id")
    spool = folder / SPOOL_NAME
    run_id = opening_event(spool).get("run_id") if spool.is_file() else None
    if run_id is None:
        expected = f"a record that can be read, with run_id; {SPOOL_NAME} beside it does not name the run either"
        raise ConfigError([Problem("resume", str(folder / RUN_FILE), expected)])
    logger.warning("the run is %s, as %s says", run_id, spool)
    return run_id


def _finished_mean(config: Config, current: Fingerprint) -> float | None:
    """Show the finished run with this fingerprint, if there is one; let it count in this study."""
    uri = store_uri(config.tracker.uri, outputs_folder())
    found = find_finished(uri, config.tracker.experiment, current.digest)
    if found is None:
        return None
    join_study(uri, found, config.study)
    return _shown(found, "finished before, not repeated (rerun=true repeats it)")


def _shown(run: RunRecord, what: str) -> float:
    """Show a finished run; its mean mAP."""
    scores = [run.metrics[f"final/{direction}/mAP"] for direction in DIRECTIONS]
    of_each = ", ".join(f"{direction} {score:.2f}" for direction, score in zip(DIRECTIONS, scores, strict=True))
    logger.info("%s: %s, run %s, mAP %s, folder %s", what, run.name, run.run_id, of_each, run.folder)
    if bad := int(run.metrics.get("data/bad_frames", 0)):
        logger.warning("its training took neighbours in place of %s that could not be read", counted(bad, "frame"))
    return sum(scores) / len(scores)

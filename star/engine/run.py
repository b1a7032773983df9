"""A run from start to end: data, fingerprint, tracker, network, training, results."""

from __future__ import annotations

import json
import logging
import math
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from star.config.command_line import with_stored_overrides
from star.config.compose import group_of_overrides
from star.config.folders import config_folders
from star.config.migrations import VERSION
from star.config.paths import outputs_folder
from star.config.schema import Config
from star.config.stored import RUN_FILE, run_folder
from star.engine.build_data import load_data, train_loader
from star.engine.checkpoint import replace_file
from star.engine.follow import follow
from star.engine.launch import is_worker, train_with_workers
from star.engine.params import run_params
from star.engine.processes import Processes, join_processes
from star.engine.signals import StopSignals
from star.errors import ConfigError, Problem
from star.evaluation.protocols import clip_text
from star.tracking.fingerprint import Fingerprint, fingerprint
from star.tracking.mlflow_tracker import open_run
from star.tracking.null_tracker import NullTracker
from star.tracking.provenance import provenance
from star.tracking.recorder import RunRecorder
from star.tracking.runs import find_finished, join_study, read_run_folder
from star.tracking.spool import SPOOL_NAME
from star.tracking.store import store_uri
from star.tracking.sweep import parent_run
from star.types import DIRECTIONS, VideoReIDData

logger = logging.getLogger(__name__)


class Job(NamedTuple):
    """What Hydra knows of a run.

    Attributes:
        folder: the run's own folder; of a run resumed in a sweep not that of Hydra's job.
        experiment: choice of the group `experiment`.
        choices: of all groups.
        overrides: as given on the command line.
    """

    folder: Path
    experiment: str
    choices: dict[str, str]
    overrides: list[str]


def run_job(config: Config) -> float:
    """Train and rank one checked configuration, or show the finished run that has its fingerprint.

    A traceback goes to the run's log; the terminal gets it from the interpreter, or one line in a sweep.

    Returns:
        Mean of the last mAP of both directions in percent, for sweepers that optimise.

    Raises:
        SystemExit: SIGTERM, SIGUSR1 or SIGUSR2 came; checkpoint and run are closed.
    """
    job = _hydra_job(config)
    if config.hardware.processes > 1 and not is_worker():
        train_with_workers(config.hardware, job.overrides, job.folder)
        return _mean_of(job.folder)
    processes = join_processes(config.hardware)
    job = job._replace(folder=Path(processes.tell(str(job.folder))))
    several = processes.share.size > 1
    log = _log_file(job.folder / "train.log") if processes.first else nullcontext()
    with StopSignals(processes.largest if several else None) as stop, log:
        if not processes.first:
            return follow(config, job.folder, stop, processes)
        try:
            return _run(config, job, stop, processes)
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


def _run(config: Config, job: Job, stop: StopSignals, processes: Processes) -> float:
    data = load_data(config)
    loader = train_loader(config, data, processes.share)
    mark = fingerprint(config, data.fingerprint)
    run_id = None
    resumes = bool(config.resume) or _is_unfinished(job.folder)
    if resumes:
        run_id = _resumed_run(job.folder, mark)
    elif config.tracker.kind == "mlflow" and not config.rerun:
        finished = _finished_mean(config, mark)
        if finished is not None:
            processes.tell({"finished": finished})
            return finished
    processes.tell({"finished": None, "resumes": resumes})
    processes.require_same(mark.digest, "configuration, data and code")
    with (
        stop.held(),
        _open_tracker(config, job, data, mark, run_id) as tracker,
        processes.watched(lambda: tracker.finish("FAILED")),
    ):
        _write_run_files(config, job, mark, tracker)
        for note in data.notes:
            logger.warning(note)
        from star.engine.build_network import build_trainer
        from star.engine.results import log_results

        trainer = build_trainer(config, data, loader, tracker, job.folder / "checkpoints", stop, processes)
        if resumes:
            trainer.restore()
        evaluation = trainer.fit()
        if trainer.profile is not None:
            report = trainer.profile.report(trainer.shares)
            tracker.log_artifact(report)
            logger.info("where the time went: %s", report)
        return log_results(job.folder, tracker, data, evaluation, trainer.history)


def _mean_of(folder: Path) -> float:
    """Mean of the final mAP of the run that workers have finished in `folder`, or that they have found finished."""
    scores = read_run_folder(folder).metrics if (folder / RUN_FILE).is_file() else {}
    return sum(scores.get(f"final/{direction}/mAP", math.nan) for direction in DIRECTIONS) / len(DIRECTIONS)


def _hydra_job(config: Config) -> Job:
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.MULTIRUN and config.resume:
        overrides = with_stored_overrides(hydra.overrides.task)
        choices = group_of_overrides(overrides)
        return Job(run_folder(config.resume), choices["experiment"], choices, overrides)
    choices = {g: str(c) for g, c in hydra.runtime.choices.items() if "/" not in str(g) and g != "hydra"}
    return Job(Path(hydra.runtime.output_dir), choices["experiment"], choices, list(hydra.overrides.task))


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


def _resumed_run(folder: Path, mark: Fingerprint) -> str | None:
    """The id of the run to continue; None for one that was stopped before it was opened.

    Raises:
        ConfigError: configuration, data or weights are not those the run was started with.
    """
    if not (folder / RUN_FILE).is_file():
        return None
    before = Fingerprint.load(folder / "fingerprint.json")
    different = [line for line in mark.differences(before) if not line.startswith(("code", "packages", "parts"))]
    if different:
        expected = f"the run's own configuration and data ({'; '.join(different)})"
        raise ConfigError([Problem("resume", str(folder), expected)])
    if mark != before:
        logger.warning("continued with other software: %s", "; ".join(mark.differences(before)))
    return json.loads((folder / RUN_FILE).read_text())["run_id"]


def _finished_mean(config: Config, mark: Fingerprint) -> float | None:
    """Show the finished run with this fingerprint, if there is one; let it count in this study."""
    uri = store_uri(config.tracker.uri, outputs_folder())
    found = find_finished(uri, config.tracker.experiment, mark.digest)
    if found is None:
        return None
    join_study(uri, found, config.study)
    scores = [found.metrics[f"final/{direction}/mAP"] for direction in DIRECTIONS]
    logger.info(
        "finished before, not repeated (rerun=true repeats it): %s, run %s, mAP %s, folder %s",
        found.name,
        found.run_id,
        ", ".join(f"{direction} {score:.2f}" for direction, score in zip(DIRECTIONS, scores, strict=True)),
        found.folder,
    )
    return sum(scores) / len(scores)


def _open_tracker(config: Config, job: Job, data: VideoReIDData, mark: Fingerprint, run_id: str | None) -> RunRecorder:
    clip = config.dataset
    about = {
        "experiment": config.tracker.experiment,
        "run_name": f"{job.experiment}-seed{config.seed}",
        "params": run_params(config),
        "tags": {
            "study": config.study,
            "experiment": job.experiment,
            "seed": config.seed,
            "fingerprint": mark.digest,
            "data_fingerprint": data.fingerprint,
            "protocol": data.protocol,
            "clip": clip_text(clip.frames, clip.height, clip.width),
            "overrides": " ".join(job.overrides),
            **{f"group.{group}": choice for group, choice in job.choices.items()},
            "device": f"{config.hardware.target} {config.hardware.mode} {config.hardware.precision}",
            **provenance(),
        },
        "spool": job.folder / SPOOL_NAME,
        "run_id": run_id,
    }
    if config.tracker.kind == "none":
        return NullTracker(**about)
    return open_run(
        uri=config.tracker.uri,
        outputs=outputs_folder(),
        parent_run_id=parent_run(),
        flush_every=config.tracker.flush_every,
        **about,
    )


def _write_run_files(config: Config, job: Job, mark: Fingerprint, tracker: RunRecorder) -> None:
    values = {"version": VERSION, **asdict(config)}
    for group, key in (("dataset", "root"), ("dataset", "skeletons"), ("dataset", "pack"), ("backbone", "pretrained")):
        if values[group][key] is not None and not values[group][key].startswith("hf://"):
            values[group][key] = str(Path(values[group][key]).expanduser().resolve())
    mark.save(job.folder / "fingerprint.new")
    record = {
        "run_id": tracker.run_id,
        "experiment": job.experiment,
        "tracker": config.tracker.kind,
        "overrides": [text for text in job.overrides if not text.startswith("resume=")],
        "config_folders": config_folders(),
        "version": VERSION,
    }
    replace_file(job.folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(values)).encode())
    os.replace(job.folder / "fingerprint.new", job.folder / "fingerprint.json")
    replace_file(job.folder / RUN_FILE, json.dumps(record, indent=1).encode())
    for name in ("config.yaml", "fingerprint.json"):
        tracker.log_artifact(job.folder / name)

"""The record of a run: what its tracker is told at the start, and the files that a resumed run needs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from omegaconf import OmegaConf

from star.config.folders import config_folders
from star.config.migrations import VERSION
from star.config.paths import outputs_folder
from star.config.schema import Config
from star.config.stored_run import RUN_FILE
from star.engine.checkpoint import replace_file
from star.engine.job import Job
from star.engine.params import run_params
from star.evaluation.protocols import clip_text
from star.tracking.fingerprint import Fingerprint
from star.tracking.mlflow_tracker import open_run
from star.tracking.null_tracker import NullTracker
from star.tracking.provenance import provenance
from star.tracking.recorder import RunRecorder
from star.tracking.spool import SPOOL_NAME
from star.tracking.sweep import parent_run
from star.types import Tracker, VideoReIDData


def open_tracker(
    config: Config, job: Job, data: VideoReIDData, current: Fingerprint, run_id: str | None
) -> RunRecorder:
    """Open a run in the store, or in its folder alone with `tracker=none`.

    Args:
        config: checked configuration.
        job: the run's own.
        data: the data set.
        current: fingerprint of the run.
        run_id: of the run to continue; None: a new one.

    Raises:
        TrackingError: the store cannot be used.
    """
    clip = config.dataset
    about = {
        "experiment": config.tracker.experiment,
        "run_name": f"{job.experiment}-seed{config.seed}",
        "params": run_params(config),
        "tags": {
            "study": config.study,
            "experiment": job.experiment,
            "seed": config.seed,
            "fingerprint": current.digest,
            "data_fingerprint": data.fingerprint,
            "protocol": data.protocol,
            "clip": clip_text(clip.frames, clip.height, clip.width),
            "overrides": " ".join(job.overrides),
            **{f"group.{group}": choice for group, choice in job.choices.items()},
            "device": f"{config.hardware.target} {config.hardware.mode} {config.hardware.precision}",
            **provenance(),
            **{f"code.{name}": digest for name, digest in {"star": current.code, **current.parts}.items()},
        },
        "spool": job.folder / SPOOL_NAME,
        "run_id": run_id,
    }
    if config.tracker.kind == "none":
        return NullTracker(**about)
    tracker = open_run(
        uri=config.tracker.uri,
        outputs=outputs_folder(),
        parent_run_id=parent_run(),
        flush_every=config.tracker.flush_every,
        **about,
    )
    tracker.log_dataset(data.name, data.fingerprint, str(data.train.frames.path), _counts(data))
    return tracker


def _counts(data: VideoReIDData) -> dict[str, int | str]:
    """What is told about a data set beside its name."""
    return {
        "protocol": data.protocol,
        "training identities": len(data.train.identities),
        "training tracklets": len(data.train.tracklets),
        **{f"{d} {part}": len(getattr(pair, part).tracklets) for d, pair in data.test.items() for part in pair._fields},
    }


def write_run_files(config: Config, job: Job, current: Fingerprint, tracker: Tracker) -> None:
    """Write `config.yaml`, `fingerprint.json` and `run.json` into the run's folder, each whole or not at all."""
    values = {"version": VERSION, **asdict(config)}
    for group, key in (("dataset", "root"), ("dataset", "skeletons"), ("dataset", "pack"), ("backbone", "pretrained")):
        if values[group][key] is not None and not values[group][key].startswith("hf://"):
            values[group][key] = str(Path(values[group][key]).expanduser().resolve())
    current.save(job.folder / "fingerprint.new")
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

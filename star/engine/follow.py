"""The part of a run's processes that are not its first: they train and embed their share, and write nothing."""

from __future__ import annotations

from pathlib import Path

from star.config.schema import Config
from star.engine.build_data import load_data, train_loader
from star.engine.processes import Processes
from star.engine.signals import StopSignals
from star.tracking.fingerprint import fingerprint
from star.tracking.silent_tracker import SilentTracker
from star.types import DIRECTIONS


def follow(config: Config, folder: Path, stop: StopSignals, processes: Processes) -> float:
    """Take part in the run that process 0 has opened.

    Args:
        config: checked configuration, the same in every process.
        folder: of the run.
        stop: of this process.
        processes: that train together.

    Returns:
        Mean of the last mAP of both directions in percent.
    """
    decision = processes.tell(None)
    if decision["finished"] is not None:
        return decision["finished"]
    data = load_data(config)
    loader = train_loader(config, data, processes.share)
    processes.require_same(fingerprint(config, data.fingerprint).digest, "configuration, data and code")
    with stop.held(), processes.watched(lambda: None):
        from star.engine.build_network import build_trainer

        trainer = build_trainer(config, data, loader, SilentTracker(), folder / "checkpoints", stop, processes)
        if decision["resumes"]:
            trainer.restore()
        scores = trainer.fit().metrics()
    return sum(scores[f"{direction}/mAP"] for direction in DIRECTIONS) / len(DIRECTIONS)

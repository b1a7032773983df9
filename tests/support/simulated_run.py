"""A whole training with rankings in MindSpore's simulation: `simulated_run.py FOLDER OVERRIDE ...`."""

from __future__ import annotations

import sys
from pathlib import Path


def main(folder: Path, overrides: list[str]) -> None:
    from star.config.check import check_overrides
    from star.engine.build_data import load_data, train_loader
    from star.engine.build_network import build_trainer
    from star.engine.processes import Processes
    from star.engine.signals import StopSignals
    from star.tracking.null_tracker import NullTracker

    config = check_overrides(overrides, here=False)
    data = load_data(config)
    assert any(len(split.tracklets) % config.schedule.evaluation_batch for split in data.test_splits)
    about = {"experiment": "", "run_name": "", "params": {}, "tags": {}, "spool": folder / "spool", "run_id": None}
    tracker = NullTracker(**about)
    loader = train_loader(config, data)
    trainer = build_trainer(config, data, loader, tracker, folder / "checkpoints", StopSignals(), Processes())
    trainer.fit()
    tracker.finish("FINISHED")
    print(f"trained {trainer.history.step} steps", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

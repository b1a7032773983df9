"""A whole training in MindSpore's simulation, its graphs in FOLDER/graphs: `simulated_run.py FOLDER OVERRIDE ...`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


def main(folder: Path, overrides: list[str]) -> None:
    from star.config.check import check_overrides
    from star.engine.build_data import load_data, train_loader
    from star.engine.build_network import build_trainer
    from star.engine.processes import Processes
    from star.engine.signals import StopSignals
    from star.tracking.null_tracker import NullTracker

    class CountingTracker(NullTracker):
        """Prints with every point how many graphs there are by then."""

        def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
            graphs = len(list((folder / "graphs").glob("graph_build_*.ir")))
            print(f"step {step}: {graphs} graphs", flush=True)
            super().log_metrics(metrics, step)

    config = check_overrides(overrides, here=False)
    data = load_data(config)
    assert any(len(split.tracklets) % config.schedule.evaluation_batch for split in data.test_splits)
    about = {"experiment": "", "run_name": "", "params": {}, "tags": {}, "spool": folder / "spool", "run_id": None}
    tracker = CountingTracker(**about)
    loader = train_loader(config, data)
    trainer = build_trainer(config, data, loader, tracker, folder / "checkpoints", StopSignals(), Processes())
    trainer.fit()
    tracker.finish("FINISHED")
    print(f"trained {trainer.history.step} steps", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

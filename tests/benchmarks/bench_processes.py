"""Training with two processes on this machine against one, with batch norm over the whole batch and over each part.

`pytest -s tests/benchmarks/bench_processes.py`. Every row is a run of `star-train`, all rows twice in turn; ratios are
to the first row. Memory is that of the largest process.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

RUN = (
    *("experiment=baseline", "size=cpu", "schedule.epochs=2", "schedule.evaluate_every=2", "rerun=true"),
    *("tracker.log_every=1", "hardware.loader_workers=1"),
)
WARMING_UP = 3
"""Steps that are left out: the first compiles."""
TWO = ("hardware.processes=2",)
ROWS = {
    "one process": ((), ()),
    "one, held on a core": (("taskset", "-c", str(min(os.sched_getaffinity(0)))), ()),
    "two processes": ((), TWO),
    "two, nothing gathered": ((), (*TWO, "hardware.batch_norm=local", "loss.triplet.gather=false")),
}


def clips_per_second(folder: Path) -> list[float]:
    """Of the steps of a run, from its spool."""
    events = map(json.loads, (folder / "events.jsonl").read_text().splitlines())
    points = [event["values"] for event in events if event["event"] == "metrics"]
    return [values["throughput/clips_per_s"] for values in points if "throughput/clips_per_s" in values][WARMING_UP:]


def measure(prefix: Sequence[str], overrides: Sequence[str], folder: Path, outputs: Path) -> tuple[list[float], float]:
    """Clips a second of each step, and the largest process in GB."""
    code = "from star.cli.train import train; train()"
    command = [*prefix, sys.executable, "-c", code, *RUN, *overrides, f"hydra.run.dir='{folder}'"]
    environment = {**os.environ, "STAR_OUTPUTS": str(outputs), "OMP_NUM_THREADS": "1"}
    with (outputs / "console.log").open("a") as log:
        process = subprocess.Popen(command, env=environment, cwd=outputs, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (outputs / "console.log").read_text()[-3000:]
    return clips_per_second(folder), usage.ru_maxrss / 1e6


def test_two_processes_train_faster_where_nothing_is_gathered(tmp_path: Path):
    medians: dict[str, list[float]] = {row: [] for row in ROWS}
    print("\nrow                     clips/s  (of one)    best   largest GB")
    for turn in range(2):
        for row, (prefix, overrides) in ROWS.items():
            rates, peak = measure(prefix, overrides, tmp_path / f"{row} {turn}", tmp_path)
            medians[row].append(statistics.median(rates))
            ratio = medians[row][turn] / medians["one process"][turn]
            print(f"{row:22} {medians[row][turn]:8.1f} {ratio:9.2f} {max(rates):7.1f} {peak:12.2f}")
    assert max(medians["two, nothing gathered"]) > min(medians["one process"])

"""The smallest run of `star-train`, with Python's last search for cycles and without, in turn.

`pytest -s tests/benchmarks/bench_end_of_command.py -o 'python_files=bench_*.py'`
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from support.commands import SMALL

RUNS = 4
LARGEST_SHARE = 0.95
TRAIN = "from star.cli.train import train; train()"
SEARCHING = "import gc; gc.freeze = lambda: None; "


def seconds(code: str, outputs: Path, seed: int) -> float:
    arguments = ("experiment=star", "dataset=synthetic", *SMALL, "hardware.mode=pynative", f"seed={seed}")
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "STAR_OUTPUTS": str(outputs)},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


def test_a_command_ends_without_the_search(tmp_path: Path):
    seconds(TRAIN, tmp_path, RUNS)
    searching, plain = [], []
    for seed in range(RUNS):
        searching.append(seconds(SEARCHING + TRAIN, tmp_path, 10 + seed))
        plain.append(seconds(TRAIN, tmp_path, 20 + seed))
    print(f"\na small run: {median(searching):.1f} s with the search, {median(plain):.1f} s without")
    assert median(plain) < LARGEST_SHARE * median(searching)

"""How fast people are generated: `pytest -s tests/benchmarks/bench_synthetic.py`.

The shipped levels with fewer identities, two processes, JPEG and skeleton files included, from the call to the finished
folder. The rate the machine can give is counted from processor time, so that other work on it does not matter; the wall
clock is printed beside it.
"""

import os
import time
from pathlib import Path
from typing import Any

import yaml

from star.synthetic import generate

FRAMES_PER_SECOND = 300
PROCESSES = 2


def test_two_cores_generate_at_least_300_frames_a_second(tmp_path: Path, project: Path):
    levels: dict[str, Any] = yaml.safe_load((project / "conf/dataset/synthetic.yaml").read_text())["generate"]
    levels |= {"train_identities": 14, "test_identities": 6}
    before, began = os.times(), time.perf_counter()
    folder = generate(tmp_path, workers=PROCESSES, **levels)
    wall, after = time.perf_counter() - began, os.times()
    processor = sum(after[:4]) - sum(before[:4])
    frames = sum(1 for _ in folder.rglob("*.jpg"))
    rate = PROCESSES * frames / processor
    print(
        f"\n{frames} frames: {frames / wall:.0f} frames/s by the clock, "
        f"{rate:.0f} frames/s from {1e3 * processor / frames:.2f} ms of processor time a frame on {PROCESSES} cores"
    )
    assert rate >= FRAMES_PER_SECOND

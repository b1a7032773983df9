"""Cost of a training step and of an evaluation batch on the CPU, by mode, precision and memory options.

`pytest -s tests/benchmarks/bench_step.py`. Every row is a process of its own; ratios are to the first row, a plain loop
operator by operator, which is run before and after the others.
"""

import json
import subprocess
import sys
from pathlib import Path

from support import step_cost

STEPS = 10
ROWS = {
    "PyNative": ["hardware.mode=pynative"],
    "graph": ["hardware.mode=graph"],
    "graph, O2": ["hardware.mode=graph", "hardware.precision=O2"],
    "graph, O3": ["hardware.mode=graph", "hardware.precision=O3"],
    "graph, recompute": ["hardware.mode=graph", "hardware.recompute=true"],
    "graph, two parts": ["hardware.mode=graph", "schedule.accumulation_steps=2"],
    "PyNative again": ["hardware.mode=pynative"],
}


def cost(overrides: list[str]) -> dict[str, float]:
    command = [sys.executable, str(Path(step_cost.__file__)), str(STEPS), "experiment=star", "size=cpu", *overrides]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_compiled_step_and_embedder_are_faster_than_a_plain_loop():
    costs = {}
    print("\nrow                first s   step s  (of plain)   evaluation s  (of plain)   peak MB")
    for row, overrides in ROWS.items():
        costs[row] = found = cost(overrides)
        plain = costs["PyNative"]
        print(
            f"{row:17} {found['first']:8.1f} {found['step']:8.2f} {found['step'] / plain['step']:11.2f} "
            f"{found['evaluation']:14.3f} {found['evaluation'] / plain['evaluation']:11.2f} {found['peak_mb']:11.0f}"
        )
    for cost_of in ("step", "evaluation"):
        assert costs["graph"][cost_of] < min(costs["PyNative"][cost_of], costs["PyNative again"][cost_of])

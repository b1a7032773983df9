"""A training step of STAR at the paper's frame size against one of its trunk alone in PyTorch, in turn.

STAR_TORCH_PYTHON=PYTHON pytest -s tests/benchmarks/bench_torch_step.py -o 'python_files=bench_*.py'
with a Python that has torch. Code of STAR in PyTorch has this trunk, its last two stages twice for the style attack,
and skeleton branches, guidance and losses beside it, so its steps take longer than the one measured here.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

import pytest
from support.step_program import Program

TORCH = os.environ.get("STAR_TORCH_PYTHON")
STEPS = 3
CLIPS, FRAMES, HEIGHT, WIDTH = 4, 12, 288, 144
SIZE = (
    *("backbone=resnet50", "schedule.identities=2", f"schedule.tracklets={CLIPS // 4}"),
    *(f"dataset.frames={FRAMES}", f"dataset.height={HEIGHT}", f"dataset.width={WIDTH}"),
)
LARGEST_RATIO = 1.5
"""33.9 s against 25.5 s, 1.33 times, on two cores of an Intel Xeon with nothing else running; torch 2.13.0."""


@pytest.mark.skipif(not TORCH, reason="STAR_TORCH_PYTHON names no Python with torch")
def test_a_step_stays_near_its_trunk_in_pytorch(project: Path):
    support = project / "tests" / "support"
    programs = {
        "PyTorch, the trunk": Program(
            project, [str(TORCH), str(support / "torch_trunk_step.py"), *map(str, (CLIPS * FRAMES, HEIGHT, WIDTH))]
        ),
        "MindSpore, STAR": Program(project, [sys.executable, str(support / "graph_step.py"), "star", "cpu", *SIZE]),
    }
    for turn in range(STEPS + 1):  # the first warms up
        for name in list(programs)[:: 1 if turn % 2 else -1]:
            programs[name].step()
    seconds = {}
    for name, program in programs.items():
        program.close()
        seconds[name] = [step[0] for step in program.steps[1:]]
        print(f"\n{name}: {min(seconds[name]):.2f} to {max(seconds[name]):.2f} s, "
              f"median {statistics.median(seconds[name]):.2f}")  # fmt: skip
    trunk, star = (statistics.median(found) for found in seconds.values())
    print(f"STAR in MindSpore takes {star / trunk:.3f} times the step of the trunk in PyTorch")
    assert star <= LARGEST_RATIO * trunk

"""A training step of STAR at the paper's frame size against its authors' in PyTorch, or its trunk's there, in turn.

STAR_TORCH_PYTHON=PYTHON STAR_AUTHORS_CODE=FOLDER \\
    pytest -s tests/benchmarks/bench_torch_step.py -o 'python_files=bench_*.py'
with a Python that has torch, torch_geometric and einops, and a checkout of github.com/jwj1342/SDTG. Without
STAR_AUTHORS_CODE the other side is the trunk alone, for which torch is enough.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

import pytest
from support.step_program import Program

TORCH, AUTHORS = os.environ.get("STAR_TORCH_PYTHON"), os.environ.get("STAR_AUTHORS_CODE")
STEPS = 3
WARM_UP = {"PyTorch": 1, "MindSpore": 20}
"""MindSpore tries for each kernel how many threads are best, one in the first five steps, and settles later."""
CLIPS, FRAMES, HEIGHT, WIDTH = 4, 12, 288, 144
SIZE = (
    *("backbone=resnet50", "schedule.identities=2", f"schedule.tracklets={CLIPS // 4}"),
    *(f"dataset.frames={FRAMES}", f"dataset.height={HEIGHT}", f"dataset.width={WIDTH}"),
)
LARGEST_RATIO = {"authors": 1.0, "trunk": 1.5}
"""With the same instructions, AVX2, for both (`support.step_program`): 27.4 against the authors' 27.7 s, 0.99 times."""


@pytest.mark.skipif(not TORCH, reason="STAR_TORCH_PYTHON names no Python with torch")
def test_a_step_compared_with_pytorch(project: Path):
    support = project / "tests" / "support"
    other = "authors" if AUTHORS else "trunk"
    arguments = [*map(str, (CLIPS, FRAMES, HEIGHT, WIDTH)), *([AUTHORS] if AUTHORS else [])]
    programs = {
        "PyTorch": Program(project, [str(TORCH), str(support / "torch_step.py"), *arguments]),
        "MindSpore": Program(project, [sys.executable, str(support / "graph_step.py"), "star", "cpu", *SIZE]),
    }
    for name, program in programs.items():
        for _ in range(WARM_UP[name]):
            program.step()
    for turn in range(STEPS):
        for name in list(programs)[:: 1 if turn % 2 else -1]:
            programs[name].step()
    seconds = {}
    for name, program in programs.items():
        program.close()
        seconds[name] = [step[0] for step in program.steps[WARM_UP[name] :]]
        everything = ", ".join(f"{step[0]:.1f}" for step in program.steps)
        print(f"\n{name}: {min(seconds[name]):.2f} to {max(seconds[name]):.2f} s, median "
              f"{statistics.median(seconds[name]):.2f}; with the first ones {everything}")  # fmt: skip
    theirs, ours = (statistics.median(found) for found in seconds.values())
    print(f"STAR in MindSpore takes {ours / theirs:.3f} times the step in PyTorch ({other})")
    assert ours <= LARGEST_RATIO[other] * theirs

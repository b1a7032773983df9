"""A graph step of this checkout against one of another commit, step by step in turn.

make bench is of this checkout alone; this one is called as
STAR_BENCH_COMMIT=6139d49 pytest tests/benchmarks/bench_commits.py -o 'python_files=bench_*.py' -s
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.step_program import Program

COMMIT = os.environ.get("STAR_BENCH_COMMIT")
ROUNDS, STEPS = int(os.environ.get("STAR_BENCH_ROUNDS", "5")), 40
LARGEST_RATIO = 1.02


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[Path]:
    """A checkout of the other commit."""
    if not COMMIT:
        pytest.skip("STAR_BENCH_COMMIT names no commit to measure against")
    folder = tmp_path_factory.mktemp("commit") / "star"
    subprocess.run(["git", "-C", project, "worktree", "add", "--detach", folder, COMMIT], check=True)
    (folder / "star" / "conf").symlink_to("../conf")
    yield folder
    subprocess.run(["git", "-C", project, "worktree", "remove", "--force", folder], check=True)


@pytest.mark.parametrize("experiment", ["star", "baseline"])
def test_a_step_is_not_slower(experiment: str, other: Path, project: Path):
    """Both programs run, one waits while the other steps: what else the machine does meets both."""
    ratios: dict[str, list[float]] = {"clock": [], "processor": []}
    for number in range(ROUNDS):
        checkouts = {"other": other, "here": project}
        names = list(checkouts)[:: 1 if number % 2 else -1]
        command = [sys.executable, str(project / "tests" / "support" / "graph_step.py"), experiment]
        programs = {name: Program(checkouts[name], command) for name in names}
        for turn in range(STEPS):
            for name in names[:: 1 if turn % 2 else -1]:
                programs[name].step()
        for program in programs.values():
            program.close()
        assert programs["other"].steps[-1][2] == programs["here"].steps[-1][2], "the numbers are equal"
        for column, what in enumerate(ratios):
            middle, least = (
                {name: which(s[column] for s in program.steps) for name, program in programs.items()}
                for which in (statistics.median, min)
            )
            ratios[what].append(middle["here"] / middle["other"])
            print(
                f"\n{experiment}, {what}: median {middle['other']:.3f} s at {COMMIT}, {middle['here']:.3f} s here, "
                f"ratio {ratios[what][-1]:.3f}; smallest {least['other']:.3f} and {least['here']:.3f} s"
            )
        first = {name: program.first[0] for name, program in programs.items()}
        print(f"{experiment}, first step with compilation: {first['other']:.1f} and {first['here']:.1f} s")
    middle = {what: statistics.median(values) for what, values in ratios.items()}
    print(f"\n{experiment}: medians of the ratios {middle}")
    assert min(middle.values()) <= LARGEST_RATIO

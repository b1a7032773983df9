"""A graph step of this checkout against one of another commit, in turn.

make bench is of this checkout alone; this one is called as
STAR_BENCH_COMMIT=6139d49 pytest tests/benchmarks/bench_commits.py -o 'python_files=bench_*.py' -s
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMIT = os.environ.get("STAR_BENCH_COMMIT")
ROUNDS, STEPS = int(os.environ.get("STAR_BENCH_ROUNDS", "5")), 12
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


def measure(checkout: Path, project: Path, experiment: str) -> dict:
    script = project / "tests" / "support" / "graph_step.py"
    environment = {**os.environ, "PYTHONPATH": str(checkout), "ONEDNN_MAX_CPU_ISA": "AVX2", "GLOG_v": "3"}
    done = subprocess.run(
        [sys.executable, script, experiment, str(STEPS)], cwd=checkout, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("experiment", ["star", "baseline"])
def test_a_step_is_not_slower(experiment: str, other: Path, project: Path):
    found: dict[str, list[dict]] = {"other": [], "here": []}
    for number in range(ROUNDS):
        for name, checkout in (("other", other), ("here", project))[:: 1 if number % 2 else -1]:
            found[name].append(measure(checkout, project, experiment))
    for column, what in enumerate(("clock", "processor")):
        seconds = {name: [s[column] for run in runs for s in run["steps"]] for name, runs in found.items()}
        middle = {name: statistics.median(values) for name, values in seconds.items()}
        ratio = middle["here"] / middle["other"]
        print(
            f"\n{experiment}, {what}: {COMMIT} {middle['other']:.3f} s, here {middle['here']:.3f} s, ratio {ratio:.3f}"
        )
    first = {name: statistics.median(run["first"] for run in runs) for name, runs in found.items()}
    print(f"{experiment}, first step with compilation: {COMMIT} {first['other']:.1f} s, here {first['here']:.1f} s")
    assert len({run["total"] for runs in found.values() for run in runs}) == 1, "the numbers are equal"
    assert ratio <= LARGEST_RATIO

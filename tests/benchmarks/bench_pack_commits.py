"""Reading a pack with this checkout against another commit, round by round in turn.

Like bench_commits.py: STAR_BENCH_COMMIT=56fb178 pytest tests/benchmarks/bench_pack_commits.py
-o 'python_files=bench_*.py' -s
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
ROUNDS = int(os.environ.get("STAR_BENCH_ROUNDS", "100"))
LARGEST_RATIO = 1.05
PACKING = {
    "files": ["pack.workers=1"],
    "resized": ["pack.size=[288,144]"],
    "raw": ["pack.size=[288,144]", "pack.encoding=raw"],
}


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[Path]:
    """A checkout of the other commit."""
    if not COMMIT:
        pytest.skip("STAR_BENCH_COMMIT names no commit to measure against")
    folder = tmp_path_factory.mktemp("commit") / "star"
    subprocess.run(["git", "-C", project, "worktree", "add", "--detach", folder, COMMIT], check=True)
    yield folder
    subprocess.run(["git", "-C", project, "worktree", "remove", "--force", folder], check=True)


@pytest.fixture(scope="module", params=["real", "generated"])
def data(request: pytest.FixtureRequest, project: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that name a data set."""
    if request.param == "real":
        root = project.parent / "shared" / "data" / "m3svd_vcm"
        if not root.is_dir():
            pytest.skip("the real tracklets are not on this machine")
        return [f"dataset.root={root}"]
    root = tmp_path_factory.mktemp("generated")
    sizes = ("dataset.generate.train_identities=8", "dataset.generate.test_identities=2")
    return ["dataset=synthetic", f"dataset.root={root}", *sizes]


class Program:
    """One checkout that packs and reads."""

    def __init__(self, checkout: Path, project: Path, path: Path, data: list[str], packing: list[str]):
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        script, pipe = project / "tests" / "support" / "pack_rounds.py", subprocess.PIPE
        command = [sys.executable, str(script), str(path), json.dumps(data), *packing]
        self.process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True, bufsize=1)
        self.checksum = self.read()
        self.rounds: list[float] = []

    def read(self) -> float:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith(('"', "0", "1", "2", "3")):
                return json.loads(line)
        raise AssertionError(f"the program ended with {self.process.wait()}")  # its own message is above

    def round(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.rounds.append(self.read())

    def close(self) -> None:
        self.process.communicate()


@pytest.mark.parametrize("packing", PACKING)
def test_reading_is_not_slower(packing: str, data: list[str], other: Path, project: Path, tmp_path: Path):
    checkouts = {"other": other, "here": project}
    programs = {
        name: Program(checkout, project, tmp_path / f"{name}.pack", data, PACKING[packing])
        for name, checkout in checkouts.items()
    }
    for turn in range(ROUNDS):
        for name in list(programs)[:: 1 if turn % 2 else -1]:
            programs[name].round()
    for program in programs.values():
        program.close()
    here, there = programs["here"], programs["other"]
    assert here.checksum == there.checksum, "the batches are equal"
    ratio = statistics.median(a / b for a, b in zip(here.rounds, there.rounds, strict=True))
    rates = {name: 384 / statistics.median(program.rounds) for name, program in programs.items()}
    print(f"\n{packing}: {rates['other']:,.0f} frames/s at {COMMIT}, {rates['here']:,.0f} here, time ratio {ratio:.3f}")
    assert ratio <= LARGEST_RATIO

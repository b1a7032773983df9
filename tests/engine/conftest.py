"""Runs of the real commands on a data set small enough for seconds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.commands import SMALL, Command
from support.fork_server import run_forked
from support.tiny_vcm import write_tiny_vcm


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of four training and three test identities, with skeletons."""
    return write_tiny_vcm(tmp_path_factory.mktemp("tiny"), skeletons=True).root


@pytest.fixture(scope="session")
def small(tiny_root: Path) -> tuple[str, ...]:
    """Overrides of a run of seconds."""
    return (*SMALL, "dataset=hitsz_vcm", f"dataset.root={tiny_root}")


@pytest.fixture(scope="session")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder that the runs of this folder's tests share."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="session")
def command(outputs: Path) -> Command:
    """Run `star-<name>` with arguments; gives the finished process, both streams in `stdout`."""

    def run(name: str, *arguments: str, into: Path = outputs) -> subprocess.CompletedProcess[str]:
        return run_forked(name, arguments, into)

    return run

"""What tests of the dry run share: the compiler it needs, and dry runs of tiny configurations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import ON_ASCEND, smallest
from support.tiny_vcm import write_tiny_vcm

from star.config.check import check_overrides
from star.dry_run.command import DryRun, dry_run
from star.dry_run.stand_in import compiler


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of four training and three test identities, with skeletons."""
    return write_tiny_vcm(tmp_path_factory.mktemp("tiny"), skeletons=True).root


@pytest.fixture
def simulate() -> Callable[..., DryRun]:
    """Compiles a tiny configuration, changed by overrides, for Ascend."""
    if compiler() is None:
        pytest.skip("the stand-ins for CANN take a C++ compiler")
    return lambda *overrides: dry_run(
        check_overrides(["dataset=synthetic", *smallest(*overrides, base=ON_ASCEND)], here=False)
    )


@pytest.fixture
def sound(simulate: Callable[..., DryRun]) -> Callable[..., DryRun]:
    """As `simulate`, of a configuration whose graphs compile once, with every kernel and shape known."""

    def run(*overrides: str) -> DryRun:
        found = simulate(*overrides)
        assert found.compiles, [(graph.name, graph.error) for graph in found.graphs]
        for graph in found.graphs:
            assert graph.host == [] and graph.open_shapes == [], graph
            assert {"aclnn", "aclop"} <= graph.kernels.keys() <= {"aclnn", "aclop", "runtime", "hccl"}
        names = [graph.name for graph in found.graphs]
        assert names[0] == "training step" and names[-2:] == ["visible embedder", "infrared embedder"]
        return found

    return run

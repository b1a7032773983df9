"""Runs written by hand, with what their folders hold."""

from pathlib import Path

import pytest
from support.furnished_runs import furnish
from support.tiny_vcm import write_tiny_vcm
from support.written_runs import make_run, study, study_folder, written_run

from star.data.hitsz_vcm import read_hitsz_vcm
from star.study.collect import Collected, collect
from star.study.study import Study
from star.tracking.runs import RunRecord
from star.types import VideoReIDData

__all__ = ["make_run", "study", "study_folder"]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> VideoReIDData:
    """Eight identities, each twice in both modalities, with skeletons."""
    root = tmp_path_factory.mktemp("people")
    write_tiny_vcm(root, identities=1, test_identities=8, skeletons=True)
    return read_hitsz_vcm(root)


@pytest.fixture
def runs(tmp_path: Path, data: VideoReIDData) -> dict[str, RunRecord]:
    """Two seeds of the baseline and of STAR, which is better, and one of the third row, which is worse."""
    made = [
        (written_run("base0000", "baseline", 0), 0.8, "null"),
        (written_run("base1111", "baseline", 1), 0.8, "null"),
        (written_run("star0000", "star", 0), 1.6, "full"),
        (written_run("star1111", "star", 1), 1.6, "full"),
        (written_run("cube0000", "star", 0, overrides="aggregation.power=4.0"), 0.1, "full"),
    ]
    folder = tmp_path / "runs"
    furnished = [furnish(run, folder / run.run_id, data, skill, graph=graph) for run, skill, graph in made]
    return {run.run_id: run for run in furnished}


@pytest.fixture
def collected(study: Study, runs: dict[str, RunRecord]) -> Collected:
    return collect(study, runs.values())

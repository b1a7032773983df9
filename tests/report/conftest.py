"""Studies and runs written by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.furnished_runs import furnish
from support.tiny_vcm import write_tiny_vcm

from star.data.hitsz_vcm import read_hitsz_vcm
from star.report.collect import Collected, collect
from star.report.study import Study, load_study
from star.tracking.runs import RunRecord
from star.types import VideoReIDData

STUDY = """
title: Two rows
text: Only a test.
common: [dataset=synthetic]
fill_in: [dataset.root=ROOT]
seeds: [0, 1]
baseline: baseline
rows:
  - {name: baseline, label: Baseline, experiment: baseline}
  - {name: star, label: STAR & co, experiment: star}
  - {name: cubic, label: Cubic, experiment: star, overrides: [aggregation.power=4.0]}
columns: [i2v/mAP, v2i/mAP]
published:
  - {label: Others, source: A journal 2023, values: {i2v/mAP: 12.5}}
"""


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "study.yaml").write_text(STUDY)
    return folder


@pytest.fixture
def study(study_folder: Path) -> Study:
    return load_study(study_folder)


@pytest.fixture
def make_run() -> Callable[..., RunRecord]:
    return _make_run


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
        (_make_run("base0000", "baseline", 0), 0.8, "null"),
        (_make_run("base1111", "baseline", 1), 0.8, "null"),
        (_make_run("star0000", "star", 0), 1.6, "full"),
        (_make_run("star1111", "star", 1), 1.6, "full"),
        (_make_run("cube0000", "star", 0, overrides="aggregation.power=4.0"), 0.1, "full"),
    ]
    folder = tmp_path / "runs"
    furnished = [furnish(run, folder / run.run_id, data, skill, graph=graph) for run, skill, graph in made]
    return {run.run_id: run for run in furnished}


@pytest.fixture
def collected(study: Study, runs: dict[str, RunRecord]) -> Collected:
    return collect(study, runs.values())


def _make_run(
    run_id: str,
    experiment: str,
    seed: int,
    i2v: float = 10.0,
    v2i: float = 20.0,
    *,
    start: float = 1_700_000_000.0,
    status: str = "FINISHED",
    overrides: str = "",
    params: dict[str, str] | None = None,
    metrics: dict[str, float] | None = None,
    **tags: str,
) -> RunRecord:
    usual = {
        "study": "tiny",
        "experiment": experiment,
        "seed": str(seed),
        "fingerprint": run_id,
        "protocol": "synthetic: same-camera filter",
        "data_fingerprint": "d" * 8,
        "clip": "T=6 64x32",
        "overrides": f"experiment={experiment} seed={seed} {overrides}".strip(),
    }
    scores = {"final/i2v/mAP": i2v, "final/v2i/mAP": v2i}
    scores |= {f"final/{direction}/valid_queries": 24.0 for direction in ("i2v", "v2i")}
    return RunRecord(
        run_id,
        f"{experiment}-seed{seed}",
        status,
        usual | tags,
        {"seed": str(seed), "schedule.epochs": "12"} | (params or {}),
        scores | (metrics or {}),
        start,
        90.0 if status == "FINISHED" else None,
        None,
    )

"""A study of three rows written by hand, and records of runs; its fixtures are imported by conftest files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from star.study.study import Study, load_study
from star.tracking.runs import RunRecord

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
  - {label: Others, source: A journal 2023, values: {i2v/mAP: 12.5, i2v/R5: 40}, about: {T: 6, backbone: ResNet-50}}
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
    return written_run


def written_run(
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

import csv
import json
from pathlib import Path

import cv2
import pytest

from star.errors import EvaluationError, ReportError
from star.evaluation.robustness_record import (
    NOTHING,
    ROBUSTNESS_FILE,
    Level,
    Measured,
    Robustness,
    checkpoint_digest,
    levels_to_measure,
    read_robustness,
    write_robustness,
)
from star.report.level_report import level_report
from star.tracking import runs as tracking_runs
from star.types import DIRECTIONS, SCORE_NAMES

LEVELS = """
title: Harder
of: tiny
levels:
  occlusion: [0.2, 0.4]
  joint_dropout: [0.5]
"""
POINTS = [NOTHING, Level("occlusion", 0.2, 0), Level("occlusion", 0.4, 0), Level("joint_dropout", 0.5, 0)]
CHANCE = {f"{direction}/mAP": 4.0 for direction in DIRECTIONS}


def _measured(level: Level, clean: float, loss: float, protocol: str = "p") -> Measured:
    """The clean mAP less `loss` for each unit of the level, the same in both directions."""
    scores = {f"{d}/{name}": clean - loss * level.level for d in DIRECTIONS for name in SCORE_NAMES}
    return Measured(scores, f"{protocol}{', ' + str(level) if level != NOTHING else ''}", "code")


def _write(folder: Path, clean: float, loss: float, points=POINTS, protocol: str = "p") -> None:
    measured = {level: _measured(level, clean, loss, protocol) for level in points}
    write_robustness(folder / ROBUSTNESS_FILE, Robustness("digest", CHANCE, measured))


@pytest.fixture
def bench(study_folder, make_run, tmp_path, monkeypatch):
    """Two seeds of two rows with folders; gives the folder of the study of levels and the runs' folders by id."""
    folder = study_folder.parent / "harder"
    folder.mkdir()
    (folder / "study.yaml").write_text(LEVELS)
    folders, made = {}, []
    for experiment in ("baseline", "star"):
        for seed in (0, 1):
            run_id = f"{experiment}{seed}"
            folders[run_id] = tmp_path / "runs" / run_id
            folders[run_id].mkdir(parents=True)
            (folders[run_id] / "run.json").write_text(json.dumps({"run_id": run_id}))
            run = make_run(run_id, experiment, seed, 30.0 + seed, 30.0 + seed, checkpoint_sha256="digest")
            made.append(run._replace(folder=folders[run_id]))
    monkeypatch.setattr(tracking_runs, "study_runs", lambda uri, study: made)
    return folder, folders


def _report(folder: Path, tmp_path: Path, **options) -> str:
    return level_report(folder, uri=None, outputs=tmp_path / "outputs", **options)


def test_tables_csv_and_curves(bench, tmp_path):
    folder, folders = bench
    for run_id, path in folders.items():
        _write(path, 30.0 + int(run_id[-1]), 20.0 if run_id.startswith("star") else 40.0 + 10 * int(run_id[-1]))
    text = _report(folder, tmp_path)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| 0")]
    occlusion = {row[0]: row[1:] for row in rows[:3]}
    # baseline 30 - 8 and 31 - 10, STAR 30 - 4 and 31 - 4: differences 4 and 6
    assert occlusion["0.2"][:2] == ["21.50 ± 0.71", "26.50 ± 0.71"]
    assert occlusion["0.2"][3] == "+5.00 [-7.71, +17.71]" and occlusion["0.2"][-1] == "0 to 2"
    assert occlusion["0"][3] == "+0.00", "equal differences have no interval"
    assert "i2v 4.00" in text and "not those of the run" not in text
    assert "Cubic, seed 0: not trained" in text
    target = tmp_path / "outputs" / "reports" / "harder"
    lines = list(csv.DictReader((target / "report.csv").read_text().splitlines()))
    assert len(lines) == 4 * 2 * (3 + 2)
    (line,) = [
        line
        for line in lines
        if (line["run_id"], line["kind"], line["level"], line["direction"]) == ("star1", "joint_dropout", "0.5", "v2i")
    ]
    assert (line["mAP"], line["protocol"]) == ("21.0000", "p, joint_dropout 0.5")
    for kind in ("occlusion", "joint_dropout"):
        assert cv2.imread(str(target / f"{kind}.png")) is not None
        assert (target / f"{kind}.pdf").read_bytes().startswith(b"%PDF")
    assert not (target / "joint_noise.png").exists()


def test_what_is_missing_is_said(bench, tmp_path):
    folder, folders = bench
    _write(folders["baseline0"], 30.0, 40.0, POINTS[:2])
    text = _report(folder, tmp_path, page=False)
    assert "- Baseline, seed 0: occlusion 0.4, joint_dropout 0.5" in text
    assert "- STAR & co, seed 1: clean, occlusion 0.2, occlusion 0.4, joint_dropout 0.5" in text
    assert f"star-study run {folder}" in text
    assert not list((tmp_path / "outputs" / "reports" / "harder").glob("*.png"))


def test_nothing_measured(bench, tmp_path):
    folder, _ = bench
    with pytest.raises(ReportError, match=f"none of the 4 finished runs .* star-study run {folder}"):
        _report(folder, tmp_path)


def test_no_finished_run(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(tracking_runs, "study_runs", lambda uri, study: [])
    with pytest.raises(ReportError, match="study tiny has no finished run to rank: train it first, star-study run"):
        _report(bench[0], tmp_path)


def test_scores_that_were_measured_otherwise_are_refused(bench, tmp_path):
    folder, folders = bench
    _write(folders["baseline0"], 30.0, 40.0)
    _write(folders["star0"], 30.0, 40.0, protocol="another filter")
    with pytest.raises(ReportError, match="not measured alike at clean:\n  p: baseline seed 0\n  another filter: star"):
        _report(folder, tmp_path)


def test_records_of_another_checkpoint_and_damaged_ones_are_left_out(bench, tmp_path):
    folder, folders = bench
    _write(folders["baseline0"], 30.0, 40.0)
    path = folders["star0"] / ROBUSTNESS_FILE
    write_robustness(path, Robustness("other", CHANCE, {NOTHING: _measured(NOTHING, 1, 1)}))
    (folders["star1"] / ROBUSTNESS_FILE).write_text("{")
    text = _report(folder, tmp_path, page=False)
    assert "measured with another checkpoint than that of run star0" in text
    assert f"{folders['star1'] / ROBUSTNESS_FILE} is no record of robustness" in text


def test_clean_scores_that_are_not_the_runs_are_noted(bench, tmp_path):
    folder, folders = bench
    _write(folders["baseline0"], 29.0, 40.0)
    assert "Baseline, seed 0: without corruption i2v/mAP, v2i/mAP are not those of the run" in _report(
        folder, tmp_path, page=False
    )


def test_a_record_is_read_as_written(tmp_path):
    found = Robustness("digest", CHANCE, {level: _measured(level, 30, 40) for level in POINTS})
    write_robustness(tmp_path / ROBUSTNESS_FILE, found)
    assert read_robustness(tmp_path / ROBUSTNESS_FILE) == found
    (tmp_path / ROBUSTNESS_FILE).write_text((tmp_path / ROBUSTNESS_FILE).read_text().replace("occlusion", "haze"))
    with pytest.raises(EvaluationError, match="there is no corruption haze"):
        read_robustness(tmp_path / ROBUSTNESS_FILE)


def test_only_what_this_checkpoint_lacks_is_measured(tmp_path):
    assert levels_to_measure(tmp_path, POINTS[1:]) == POINTS
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.json").write_text("{}")
    digest = str(checkpoint_digest(tmp_path))
    write_robustness(tmp_path / ROBUSTNESS_FILE, Robustness(digest, CHANCE, {POINTS[1]: _measured(POINTS[1], 1, 1)}))
    assert levels_to_measure(tmp_path, POINTS) == [NOTHING, *POINTS[2:]]
    (tmp_path / "checkpoints" / "last.json").write_text("another")
    assert levels_to_measure(tmp_path, POINTS) == POINTS

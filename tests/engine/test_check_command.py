"""star-check: what it draws, what it says, what it refuses."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from star.cli import check as command
from star.config.check import check_overrides
from star.engine.check_data import check_data


def test_the_check_draws_the_first_training_batch(small: tuple[str, ...], tmp_path: Path):
    config = check_overrides(["experiment=weighted_greyscale", *small, "dataset.augmentation.weighted_greyscale=1"])
    path = tmp_path / "batch.png"
    found = check_data(config, augmented=path)
    assert f"first training batch: {path}" in found.report and found.problems == ()
    sheet = cv2.imread(str(path))
    assert sheet is not None and sheet.shape == (2 * (192 + 22), 2 * 2 * 96 + 6, 3)


def test_what_keeps_a_run_from_training_is_said_behind_the_report(small: tuple[str, ...], tmp_path: Path):
    """Of the batches, and of a picture that cannot be written: the report of the data set is not lost."""
    config = check_overrides([*small, "schedule.identities=5"])
    (tmp_path / "file").write_text("")
    for pictures in ({}, {"augmented": tmp_path / "a.png"}, {"sheet": tmp_path / "file" / "sheet.png"}):
        found = check_data(config, **pictures)
        assert "frames" in found.report and "0 bad" in found.report
        assert "batch larger than the identities: schedule.identities=5" in found.problems[-1]
        assert len(found.problems) == 1 + ("sheet" in pictures)
    assert "sheet.png cannot be written" in found.problems[0]


def test_the_command_says_the_report_and_then_the_problem(
    small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(command, "log_to_terminal", lambda: None)
    monkeypatch.setattr("sys.argv", ["star-check", *small, "schedule.identities=5"])
    with pytest.raises(SystemExit) as stopped:
        command.check()
    said = capsys.readouterr()
    assert stopped.value.code == 1 and "checked, 0 bad" in said.out
    assert said.err.endswith("has 4 with tracklets in both modalities; give schedule.identities=4 or less\n")


@pytest.mark.parametrize("option", ["--sheet", "--augmented"])
@pytest.mark.parametrize("word", ["schedule.identities=4", "people.jpg", "people"])
def test_pictures_have_names_of_png_files(
    option: str, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """An override behind the option would be the name of a file, and not an override."""
    monkeypatch.setattr("sys.argv", ["star-check", "dataset=synthetic", option, word])
    with pytest.raises(SystemExit) as stopped:
        command.check()
    assert stopped.value.code == 2
    assert f"{option}: given {word}, expected the name of a PNG file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("tracker.uri=foo", "error: tracker.uri: given 'foo', expected null (an SQLite file in the output folder)"),
        ("resume=foo", "  resume: given foo, expected a run folder (with run.json) or the id of one of the "),
    ],
)
def test_what_star_train_would_refuse_later_is_refused(
    override: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(command, "log_to_terminal", lambda: None)
    monkeypatch.setattr("sys.argv", ["star-check", "--config-only", "dataset=synthetic", override])
    with pytest.raises(SystemExit) as stopped:
        command.check()
    assert stopped.value.code == 1 and said in capsys.readouterr().err

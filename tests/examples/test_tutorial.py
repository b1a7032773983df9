"""What docs/tutorial.md shows is what happens, and its loss is the one it describes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor
from support.pages import blocks_of, commands_of, console_of, is_shown_as, said_by_check, write_files

from star.config.check import check_overrides
from star.config.command_line import prepare_command_line
from star.config.compose import sweep_jobs
from star.config.folders import take_config_folders
from star.study.checked_study import check_study
from star.study.study import load_study

BLOCKS = blocks_of("tutorial.md")
CONSOLE = console_of(BLOCKS)
COMMANDS = commands_of(BLOCKS)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reader's own folder, with the files of the page."""
    write_files(BLOCKS, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("STAR_CONFIG_DIR", "")
    return tmp_path


def test_the_page_has_the_files_of_a_method():
    files = {block.file for block in BLOCKS if block.language in ("python", "yaml")}
    study = "studies/hetero_centre/study.yaml"
    assert files == {*("hetero_centre.py", "conf/loss/hetero_centre.yaml", "conf/experiment/hetero_centre.yaml"), study}
    assert len(CONSOLE) == 2 and len(COMMANDS) >= 10


@pytest.mark.parametrize("call", CONSOLE, ids=lambda call: call.section)
@pytest.mark.usefixtures("folder")
def test_the_shown_output_is_the_real_one(call):
    found = said_by_check(call.words)
    assert is_shown_as(found, call.output), found


@pytest.mark.parametrize("words", [call.words for call in COMMANDS], ids=" ".join)
def test_the_commands_are_valid(folder: Path, words: list[str]):
    program, *arguments = words
    rest = take_config_folders(arguments)
    if program == "star-train" and "-m" in rest:
        for job in sweep_jobs([text for text in rest if text != "-m"]):
            check_overrides(job)
    elif program == "star-train":
        assert prepare_command_line(rest)
    elif program == "star-check":
        check_overrides([text for text in rest if "=" in text])
    elif "--runs" not in rest and "studies/hetero_centre" in rest:
        check_study(load_study(folder / "studies" / "hetero_centre"), [])


@pytest.mark.usefixtures("folder")
def test_the_loss_is_the_distance_of_the_centres():
    rng = np.random.default_rng(0)
    identities, modality = np.array([3, 3, 7, 7] * 2, np.int32), np.repeat([0, 1], 4).astype(np.int32)
    features = rng.normal(size=(8, 5)).astype(np.float32)
    centres = [[features[(identities == k) & (modality == m)].mean(0) for m in (0, 1)] for k in (3, 7)]
    loss = import_module("hetero_centre").HeteroCentre()
    found = loss(Tensor(features), Tensor(identities), Tensor(modality))
    expected = np.mean([np.square(visible - infrared).sum() for visible, infrared in centres])
    assert float(found.asnumpy()) == pytest.approx(expected, rel=1e-5)

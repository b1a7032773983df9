"""What the README shows is what happens."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from star.config.check import check_command, check_overrides
from star.config.command_line import prepare_command_line
from star.config.compose import group_choices, sweep_jobs
from star.config.skeletons_command import RULES, SkeletonsConfig
from star.errors import ConfigError
from star.study.checked_study import check_study
from star.study.study import load_study

PROJECT = Path(__file__).resolve().parents[1]
README = (PROJECT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    text = "\n".join(blocks("bash")).replace("\\\n", " ")
    return [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]


def of(program: str) -> list[list[str]]:
    return [words[1:] for words in commands() if words[0] == program]


@pytest.fixture
def filled(tmp_path: Path):
    """Arguments with the README's placeholders replaced by things that exist."""
    weights = tmp_path / "resnet50.safetensors"
    weights.touch()

    def fill(arguments: list[str]) -> list[str]:
        values = {
            "ROOT": str(tmp_path),
            "FOLDER": str(tmp_path),
            "SKELETONS": str(tmp_path),
            weights.name: str(weights),
        }
        pattern = re.compile(r"(?<==)(" + "|".join(map(re.escape, values)) + r")$")
        return [pattern.sub(lambda match: values[match.group()], word) for word in arguments]

    return fill


def test_the_two_set_up_commands_come_first():
    assert [words[:2] for words in commands()[:2]] == [["make", "demo"], ["make", "test"]]


def test_every_make_target_exists():
    for target, *_ in of("make"):
        subprocess.run(["make", "--dry-run", target], cwd=PROJECT, check=True, capture_output=True)


def test_every_training_command_is_a_valid_configuration(filled):
    shown = [arguments for arguments in of("star-train") if not {"--help", "resume=RUN"} & set(arguments)]
    assert len(shown) >= 3
    for arguments in shown:
        if "--cfg" in arguments:
            assert sorted(prepare_command_line(arguments)) == sorted(arguments)
        else:
            prepare_command_line(filled(arguments))


def test_every_check_command_is_valid(filled):
    for arguments in of("star-check"):
        overrides = [word for word in filled(arguments) if "=" in word]
        check_overrides(overrides)


def test_every_skeletons_command_is_valid(filled, tmp_path):
    (model := tmp_path / "movenet_lightning_int8.tflite").touch()
    shown = of("star-skeletons")
    assert shown
    for arguments in shown:
        overrides = [word.replace(model.name, str(model)) for word in filled(arguments)]
        assert check_command(overrides, "skeletons", SkeletonsConfig, RULES).out == str(tmp_path)


def test_every_study_can_be_run(filled):
    shown = [arguments for arguments in of("star-study") if arguments[0] == "run"]
    assert len(shown) == 2
    for _, folder, *arguments in shown:
        size = arguments[arguments.index("--size") + 1] if "--size" in arguments else None
        overrides = [word for word in filled(arguments) if "=" in word and word != "hardware=ascend"]
        check_study(load_study(PROJECT / folder, size), overrides)


def test_every_study_exists():
    for study, *_ in of("star-report"):
        assert study == "--runs" or (PROJECT / study / "study.yaml").is_file()


def test_every_command_is_installed():
    for words in commands():
        if words[0].startswith("star-"):
            entry = re.search(rf'^{words[0]} = "(.+):(.+)"$', (PROJECT / "pyproject.toml").read_text(), re.MULTILINE)
            assert entry, words[0]
            assert callable(getattr(import_module(entry[1]), entry[2]))


def test_the_shown_error_is_the_real_one():
    (console,) = blocks("console")
    first, *expected = console.splitlines()
    arguments = shlex.split(first.removeprefix("$ star-train"))
    with pytest.raises(ConfigError) as error:
        prepare_command_line(arguments)
    assert f"error: {error.value}".splitlines() == expected


def test_the_table_of_experiments_is_complete():
    (table,) = re.findall(r"^\| `experiment=` \|.*?\n\n", README, flags=re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`([a-z0-9_]+)`", table.split("\n", 2)[2])) >= set(group_choices()["experiment"])


def test_sweeps_of_the_readme_have_the_rows_of_their_study():
    for arguments in of("star-train"):
        if "-m" in arguments and "study=quickstart" in arguments:
            jobs = sweep_jobs(arguments[1:])
            assert {job[0] for job in jobs} == {"experiment=baseline", "experiment=star"}

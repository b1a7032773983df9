"""Configuration folders of users: every way to name them, any path they can have, and whose file counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from star.config.check import check_overrides
from star.config.command_line import prepare_command_line
from star.config.compose import compose_run, group_choices, group_of_overrides
from star.config.folders import VARIABLE, config_folders, search_path, take_config_folders, use_config_folders
from star.errors import ConfigError

REST = ["experiment=baseline", "dataset=synthetic", "backbone=tiny"]
ODD = [
    *("a b", " a", "it's", 'a "b"', 'it\'s "both"', "a,b", "[a]", "{a}", "(a)", "a=b", "a+b", "$a", "~a", "#a", "-a"),
    *("straße", "骨架", "a\\b", "a\\'b", "a\\", "a\\\\", "a;b", "a%20b", "*", "a.yaml", "file", "null"),
]
"""Names of folders that Hydra's grammar, the shell or YAML could take for something else."""


@pytest.fixture(autouse=True)
def no_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes `<name>/aggregation/<choice>.yaml` with a power of its own."""

    def make(name: str = "mine", power: float = 2.0, choice: str = "own") -> Path:
        path = tmp_path / name
        (path / "aggregation").mkdir(parents=True)
        text = f"_target_: star.models.pooling.GeneralisedMean\npower: {power}\n"
        (path / "aggregation" / f"{choice}.yaml").write_text(text)
        return path

    return make


def power_of(*overrides: str) -> float:
    return check_overrides([*REST, *overrides]).aggregation["power"]


FORMS: list[Callable[[Path], list[str]]] = [
    lambda path: ["--config-dir", str(path)],
    lambda path: [f"--config-dir={path}"],
    lambda path: ["-cd", str(path)],
    lambda path: [f"hydra.searchpath=[{path}]"],
    lambda path: [f"hydra.searchpath=[file://{path}]"],
    lambda path: [f"hydra.searchpath=['file://{path}']"],
    lambda path: [f'hydra.searchpath=["{path}"]'],
    lambda path: [f"+hydra.searchpath=[ {path} ]"],
    lambda path: ["--config-dir", os.path.relpath(path)],
    lambda path: [f"hydra.searchpath=[file://{os.path.relpath(path)}]"],
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("first", [True, False])
def test_every_way_to_name_a_folder(folder: Callable[..., Path], tmp_path, monkeypatch, form, first: bool):
    """It is taken out of the arguments and stands in the environment, absolute."""
    mine = folder()
    monkeypatch.chdir(tmp_path)
    given = form(mine)
    arguments = [*given, *REST] if first else [*REST, *given]
    assert take_config_folders(arguments) == REST
    assert os.environ[VARIABLE] == str(mine) and config_folders() == [str(mine)]
    assert power_of("aggregation=own") == 2.0


def test_the_preparation_of_the_command_line_takes_them_as_well(folder: Callable[..., Path]):
    mine = folder()
    prepared = prepare_command_line(["--config-dir", str(mine), *REST, "aggregation=own"])
    assert prepared == [*REST, "aggregation=own", f"hydra.searchpath=['file://{mine}']"]
    assert prepare_command_line(prepared) == prepared, "so a worker that gets them has no other ones"


def test_several_folders_in_their_order(folder: Callable[..., Path]):
    first, second, third = folder("first", 2.0), folder("second", 3.0), folder("third", 4.0, "third")
    assert take_config_folders(["--config-dir", str(first), *REST, f"hydra.searchpath=[{second},{third}]"]) == REST
    assert config_folders() == [str(first), str(second), str(third)]
    assert (power_of("aggregation=own"), power_of("aggregation=third")) == (2.0, 4.0)


def test_the_first_folder_that_has_a_file_counts_and_the_command_line_is_before_the_environment(folder, monkeypatch):
    first, second = folder("first", 2.0), folder("second", 3.0)
    monkeypatch.setenv(VARIABLE, os.pathsep.join([str(second), str(first)]))
    assert power_of("aggregation=own") == 3.0
    take_config_folders(["--config-dir", str(first)])
    assert config_folders() == [str(first), str(second)]
    assert power_of("aggregation=own") == 2.0


def test_a_file_of_our_own_is_never_replaced_and_the_check_says_so(folder: Callable[..., Path]):
    """Hydra asks this package first: a changed copy of one of its files would do nothing, without a word."""
    mine = folder("mine", 2.0, "gem")
    use_config_folders([mine])
    assert compose_run(["aggregation=gem"])[0].aggregation.power == 3.0
    with pytest.raises(ConfigError) as error:
        check_overrides([*REST, "aggregation=gem"])
    assert error.value.problems == [
        ("aggregation", f"gem, which {mine} has as well", "another name: star's own comes first")
    ]
    check_overrides([*REST, "aggregation=mean"])


def test_the_checkouts_own_folder_is_no_other_one(project: Path):
    use_config_folders([project / "conf"])
    check_overrides([*REST, "aggregation=gem"])


def test_a_package_with_a_folder(folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = folder("folders_own_package/conf").parent
    for place in (package, package / "conf"):
        (place / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert take_config_folders(["--config-dir", "pkg://folders_own_package.conf", *REST]) == REST
    assert os.environ[VARIABLE] == "pkg://folders_own_package.conf"
    assert search_path() == ["hydra.searchpath=['pkg://folders_own_package.conf']"]
    other = folder("other", 5.0)
    use_config_folders([other])
    assert config_folders() == [str(other), "pkg://folders_own_package.conf"], "a colon in pkg:// parts nothing"
    assert power_of("aggregation=own") == 5.0
    assert "own" in group_choices()["aggregation"]
    monkeypatch.setenv(VARIABLE, "pkg://folders_own_package.conf")
    assert power_of("aggregation=own") == 2.0 and "own" in group_choices()["aggregation"]


@pytest.mark.parametrize("name", ODD)
def test_any_path_composes(folder: Callable[..., Path], name: str):
    mine = folder(name)
    assert take_config_folders(["--config-dir", str(mine), *REST]) == REST
    assert power_of("aggregation=own") == 2.0
    (override,) = search_path()
    os.environ[VARIABLE] = ""
    assert take_config_folders([override]) == [] and config_folders() == [str(mine)], "what we write we can read"


@pytest.mark.parametrize(
    ("arguments", "key", "expected"),
    [
        (["--config-dir"], "--config-dir", "a folder with configuration files"),
        (["--config-dir="], "--config-dir", "a folder with configuration files"),
        (["--config-dir", "no such folder"], "--config-dir", "an existing folder, laid out like conf/"),
        (["--config-dir", __file__], "--config-dir", "an existing folder, laid out like conf/"),
        (["hydra.searchpath=[no_such]"], "hydra.searchpath", "an existing folder, laid out like conf/"),
        (["hydra.searchpath=[a"], "hydra.searchpath", "a list of folders"),
        (["--config-dir", "pkg://no_such_package"], "--config-dir", "a package that can be imported"),
        (["--config-dir", "pkg://no_such.package"], "--config-dir", "a package that can be imported"),
        (["--config-dir", "pkg://json.decoder"], "--config-dir", "a package that can be imported"),
        (["--config-name", "other"], "--config-name", "conf/train.yaml"),
        (["--config-path", "/tmp"], "--config-path", "conf/train.yaml"),
    ],
)
def test_what_is_no_folder(arguments: list[str], key: str, expected: str):
    with pytest.raises(ConfigError) as error:
        prepare_command_line([*REST, *arguments])
    (problem,) = error.value.problems
    assert problem.key == key and expected in problem.expected
    assert os.environ[VARIABLE] == "", "nothing is taken over"


def test_what_is_no_folder_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv(VARIABLE, f"{tmp_path}{os.pathsep}no such folder")
    with pytest.raises(ConfigError) as error:
        check_overrides(REST)
    assert error.value.problems == [(VARIABLE, "no such folder", "an existing folder, laid out like conf/")]


def test_a_path_with_a_colon_is_refused_where_it_is_named(folder: Callable[..., Path]):
    mine = folder("a:b")
    with pytest.raises(ConfigError, match="a folder without : in its path"):
        take_config_folders(["--config-dir", str(mine)])
    assert os.environ[VARIABLE] == ""


@pytest.mark.parametrize(("written", "read"), [("010", "8"), ("1:30", "90"), ("0x10", "16")])
def test_numbers_that_yaml_reads_otherwise_are_refused(folder: Callable[..., Path], written: str, read: str):
    """`seed: 010` would be seed 8."""
    mine = folder()
    path = mine / "aggregation" / "own.yaml"
    path.write_text(path.read_text() + f"other: {written}\nswitch: no\n")
    with pytest.raises(ConfigError) as error:
        use_config_folders([mine])
    expected = f"'{written}' in quotes, or {read}"
    assert error.value.problems == [(f"{path}, line 3", f"{written}, which YAML reads as {read}", expected)]


def test_files_in_another_encoding_are_named(folder: Callable[..., Path]):
    """Hydra would end in a traceback; it takes a byte-order mark."""
    mine = folder()
    path = mine / "aggregation" / "own.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    use_config_folders([mine])
    assert power_of("aggregation=own") == 2.0
    os.environ[VARIABLE] = ""
    path.write_bytes("# 数据\n".encode("gb18030") + path.read_bytes()[3:])
    with pytest.raises(ConfigError) as error:
        use_config_folders([mine])
    assert error.value.problems == [(str(path), "byte 2 that is no UTF-8", "a file saved as UTF-8")]


def test_empty_entries_of_the_environment_are_none(folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    mine = folder()
    monkeypatch.setenv(VARIABLE, f"::{mine}:")
    assert config_folders() == [str(mine)]
    monkeypatch.delenv(VARIABLE)
    assert config_folders() == [] and search_path() == []
    use_config_folders([])
    assert VARIABLE not in os.environ


def test_a_folder_is_taken_once(folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    mine, other = folder(), folder("other")
    link = mine.parent / "link"
    link.symlink_to(mine)
    monkeypatch.chdir(mine.parent)
    use_config_folders([mine, "mine", "other/../mine/", link, other])
    use_config_folders([mine])
    assert config_folders() == [str(mine), str(other)]


def test_home_is_known(folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch):
    mine = folder()
    monkeypatch.setenv("HOME", str(mine.parent))
    use_config_folders(["~/mine"])
    assert config_folders() == [str(mine)]


def test_foreign_choices_are_listed_where_they_are(folder: Callable[..., Path]):
    before = group_choices()
    other = folder("other", 3.0, "third")
    (other / "experiment").mkdir()
    (other / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 7\n")
    (other / "experiment" / "notes.txt").write_text("no configuration")
    use_config_folders([folder(), other])
    now = group_choices()
    assert now.pop("aggregation") == sorted([*before.pop("aggregation"), "own", "third"])
    assert now.pop("experiment") == sorted([*before.pop("experiment"), "mine"])
    assert now == before
    assert group_of_overrides([*REST[1:], "experiment=mine"])["experiment"] == "mine"
    with pytest.raises(ConfigError) as error:
        check_overrides([*REST, "aggregation=owm"])
    known = "bidirectional_gates, gem, hub_aggregation, max, mean, mean_after_neck, own, recurrent_gates, short_term"
    assert error.value.problems[0].expected == f"one of {known}, third (did you mean own?)"


def test_a_foreign_experiment_overrides_groups_and_builds_on_our_files(folder: Callable[..., Path]):
    mine = folder()
    (mine / "experiment").mkdir()
    (mine / "experiment" / "whole.yaml").write_text(
        "# @package _global_\ndefaults:\n  - baseline\n  - override /aggregation: own\nschedule: {epochs: 3}\n"
    )
    use_config_folders([mine])
    config = check_overrides(["experiment=whole", "dataset=synthetic", "backbone=tiny"])
    assert config.aggregation["power"] == 2.0 and config.schedule.epochs == 3
    assert not config.skeleton_graph.used and "defence" in config.loss, "it is the baseline otherwise"


def test_a_run_is_resumed_with_the_folder_it_was_started_with(folder: Callable[..., Path], tmp_path: Path, monkeypatch):
    """Also beside another one that is given now."""
    then, now = folder("then", 2.0), folder("now", 3.0)
    run = tmp_path / "run"
    run.mkdir()
    overrides = [*REST, "aggregation=own"]
    record = {"run_id": "a" * 32, "overrides": overrides, "version": 2, "config_folders": [str(then)]}
    (run / "run.json").write_text(json.dumps(record))
    prepared = prepare_command_line(["--config-dir", str(now), f"resume={run}", "hardware.loader_workers=1"])
    assert prepared == [
        *overrides,
        *(f"resume={run}", "hardware.loader_workers=1", f"hydra.run.dir='{run}'", "hydra.output_subdir=null"),
        f"hydra.searchpath=['file://{then}','file://{now}']",
    ]
    assert power_of("aggregation=own") == 2.0


def test_a_process_that_is_started_has_them(folder: Callable[..., Path]):
    """The workers of several processes, the jobs of a launcher and those of a study are started so."""
    use_config_folders([folder("a b")])
    code = "from star.config.compose import compose_run; print(compose_run(['aggregation=own'])[0].aggregation.power)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    assert done.stdout == "2.0\n", done.stderr


@pytest.mark.parametrize("command", ["train", "check"])
def test_the_commands_take_the_option(folder: Callable[..., Path], tmp_path: Path, command: str):
    mine = folder("my folder")
    shown = ["--cfg", "job"] if command == "train" else ["--config-only"]
    arguments = ["--config-dir", str(mine), *shown, *REST, "aggregation=own", "aggregation.power=7"]
    code = f"from star.cli.{command} import {command}; {command}()"
    environment = os.environ | {"STAR_OUTPUTS": str(tmp_path / "outputs")}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if command == "train":
        assert "power: 7" in done.stdout

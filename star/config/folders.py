"""Configuration folders of users: `--config-dir`, `$STAR_CONFIG_DIR` and `config_dir` in study.yaml.

Whichever way a folder is named, it ends in the environment, where the other processes of a run and the jobs of a
launcher find it, and from there on Hydra's own search path. A folder is laid out like `conf/`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from yaml import YAMLError

from star.config.typed import quoted
from star.config.yaml_words import misread_words
from star.errors import ConfigError, Problem

VARIABLE = "STAR_CONFIG_DIR"
"""Absolute folders (or pkg://package), separated as in $PATH; the first one wins."""
_OPTION = "--config-dir"
_SEARCH_PATH = "hydra.searchpath="


def config_folders() -> list[str]:
    """The folders in use, absolute, the first one before the others.

    Raises:
        ConfigError: `$STAR_CONFIG_DIR` names something that is no folder.
    """
    given = re.split(rf"{re.escape(os.pathsep)}(?!//)", os.environ.get(VARIABLE, ""))
    return [_absolute(text, VARIABLE) for text in given if text]


def use_config_folders(folders: Iterable[str | Path], key: str = _OPTION) -> None:
    """Put folders before those in use, for this process and those it starts.

    Args:
        folders: absolute, or relative to the current folder.
        key: where they were named, for messages.

    Raises:
        ConfigError: one is no folder, or a file in it is not UTF-8 or has numbers such as 010 that YAML reads
            otherwise than they look.
    """
    fresh = [_absolute(str(folder), key) for folder in folders]
    problems = [problem for folder in fresh if folder not in config_folders() for problem in _misread(folder)]
    if problems:
        raise ConfigError(problems)
    if fresh:
        os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*fresh, *config_folders()]))


def take_config_folders(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command without `--config-dir FOLDER` and `hydra.searchpath=[...]`; their folders are used.

    Raises:
        ConfigError: the option has no folder, or names something that is none.
    """
    kept: list[str] = []
    folders: list[str] = []
    rest = iter(arguments)
    for text in rest:
        name, equals, value = text.partition("=")
        if name in (_OPTION, "-cd"):
            folder = value if equals else next(rest, "")
            if not folder:
                raise ConfigError([Problem(_OPTION, "nothing", "a folder with configuration files")])
            folders.append(_absolute(folder, _OPTION))
        elif text.lstrip("+").startswith(_SEARCH_PATH):
            folders += [_absolute(entry.removeprefix("file://"), _SEARCH_PATH[:-1]) for entry in _entries(text)]
        else:
            kept.append(text)
    use_config_folders(folders)
    return kept


def folder_options() -> list[str]:
    """The options with which a command that is shown finds the folders in use."""
    return [text for folder in config_folders() for text in (_OPTION, folder)]


def search_path() -> list[str]:
    """The override that tells Hydra of the folders in use."""
    folders = [folder if folder.startswith("pkg://") else f"file://{folder}" for folder in config_folders()]
    return [f"{_SEARCH_PATH}[{','.join(map(quoted, folders))}]"] if folders else []


def _entries(text: str) -> list[str]:
    """What an override of Hydra's search path names."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        value = OverridesParser.create().parse_override(text).value()
    except HydraException as error:
        given, said = text.partition("=")[2], str(error).partition("\n")[0]
        raise ConfigError([Problem(_SEARCH_PATH[:-1], given, f"a list of folders ({said})")]) from error
    return [str(entry) for entry in (value if isinstance(value, list) else [value]) if entry]


def _misread(folder: str) -> list[Problem]:
    """Files of a folder that Hydra could not decode, and numbers that YAML reads otherwise than they look.

    Hydra itself says what is no YAML.
    """
    problems = []
    for path in [] if folder.startswith("pkg://") else sorted(Path(folder).rglob("*.yaml")):
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            problems.append(Problem(str(path), f"byte {error.start} that is no UTF-8", "a file saved as UTF-8"))
            continue
        with contextlib.suppress(YAMLError):
            for said in misread_words(text, booleans=False):
                line, _, about = said.partition(": given ")
                given, _, expected = about.partition(", expected ")
                problems.append(Problem(f"{path}, {line}", given, expected))
    return problems


def _is_package(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.submodule_search_locations is not None


def _absolute(text: str, key: str) -> str:
    if text.startswith("pkg://"):
        if not _is_package(text.removeprefix("pkg://").partition("/")[0]):
            raise ConfigError([Problem(key, text, "a package that can be imported, e.g. pkg://own_parts.conf")])
        return text
    path = Path(text).expanduser().resolve()
    if not path.is_dir():
        raise ConfigError([Problem(key, text, "an existing folder, laid out like conf/")])
    if os.pathsep in str(path):
        raise ConfigError([Problem(key, str(path), f"a folder without {os.pathsep} in its path, which parts folders")])
    return str(path)

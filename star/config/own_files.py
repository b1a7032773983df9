"""Mistakes in configuration files of users, of which Hydra says little: file, line and what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Override
from yaml import MarkedYAMLError

from star.config.folders import config_folders
from star.config.hydra_compose import as_tree, choices_of
from star.config.validate import nearest
from star.errors import Problem

if TYPE_CHECKING:
    from importlib.abc import Traversable  # importlib.resources.abc exists from Python 3.11 on only

_OF_EVERYTHING = ("experiment", "recipe", "size")
"""Groups whose files set keys of other groups."""
_HEADER = "# @package _global_"
_HYDRAS_HEADER = re.compile(r"#\s*@package\s+\S+\s*")
_NO_CHOICE = re.compile(r"(?:In '(.+?)': )?Could not (?:find|load) '(.+?)'")
_NO_GROUP = re.compile(r"In '(.+?)': Could not override '(.+?)'\. No match")
_OTHER_PACKAGE = re.compile(r"In '(.+?)': Could not override '.+@.+'")


def files_without_package(overrides: Iterable[Override]) -> list[Problem]:
    """Chosen files of users that set keys of other groups and do not say so in their first line."""
    chosen = [o for o in overrides if o.key_or_group in _OF_EVERYTHING and not o.is_delete()]
    return [problem for o in chosen for problem in _without_package(f"{o.key_or_group}/{o.value()}")]


def problem_of(error: Exception, groups: Sequence[str], overrides: Sequence[str]) -> Problem:
    """What an error says that Hydra ended a composition with.

    Args:
        error: Hydra's, OmegaConf's or that of the YAML reader.
        groups: of the primary configuration.
        overrides: what was composed.
    """
    said = str(error)
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        where = f"{error.problem_mark.name}, line {error.problem_mark.line + 1}"
        if r"'\t'" in str(error.problem):
            return Problem(where, "a tab", "blanks, since YAML takes no tabs there")
        return Problem(where, "what is no YAML", f"valid YAML ({error.problem})")
    if found := _NO_CHOICE.match(said):
        return _no_choice(found[1], found[2])
    if found := _NO_GROUP.match(said):
        return Problem(_place(found[1]), f"override /{found[2]}", f"a group there is{nearest(found[2], groups)}")
    if (found := _OTHER_PACKAGE.match(said)) and (problems := list(_without_package(found[1]))):
        return problems[0]
    return Problem("overrides", " ".join(overrides), f"a configuration Hydra can compose: {said}")


def _no_choice(asker: str | None, choice: str) -> Problem:
    """`asker` is the primary configuration where a file overrides its choice."""
    group, _, name = choice.rpartition("/")
    key = _place(asker) if asker and "/" in asker else group
    names = choices_of(group)
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {group}/{close[0]}?" if close else f"known here: {', '.join(names) or 'none'}"
    return Problem(key, choice, f"a choice of {group} there is ({hint})")


def _place(config: str) -> str:
    """The file of a configuration as Hydra names it, such as `loss/own`."""
    return next((str(file) for file in _files(config)), config)


def _files(config: str) -> Iterator[Traversable]:
    files = (as_tree(folder).joinpath(*f"{config}.yaml".split("/")) for folder in config_folders())
    return (file for file in files if file.is_file())


def _without_package(config: str) -> Iterator[Problem]:
    if config.partition("/")[0] in _OF_EVERYTHING:
        for file in _files(config):
            lines = file.read_text(encoding="utf-8-sig").splitlines()
            first = next((line.strip() for line in lines if line.strip()), "")
            if not _HYDRAS_HEADER.fullmatch(first):
                given = f"the first line {first}" if first else "an empty file"
                yield Problem(str(file), given, f"{_HEADER} as its first line")

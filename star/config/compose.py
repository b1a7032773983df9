"""Composition of configurations from command-line overrides; every mistake is collected."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError, safe_load

from star.config.folders import config_folders
from star.config.hydra_compose import CONFIG_MODULE, as_tree, choices_of, composed_by_hydra
from star.config.method import methods_as_experiments
from star.config.migrations import migrate_overrides
from star.config.own_files import files_without_package, problem_of
from star.config.typed import as_typed
from star.config.validate import did_you_mean
from star.errors import ConfigError, Problem

_CALLED = ("_target_", "()", "class")
_CALLED_HERE = ("hydra.", "hydra_plugins.", "star.tracking.sweep.", "logging.", "colorlog.")
"""The keys of the node `hydra` with names that Hydra and `logging` call, and the beginnings such a name may have."""


def group_choices(config_name: str = "train") -> dict[str, list[str]]:
    """The groups in the defaults list of a primary configuration and what can be chosen in each, in order of name.

    Choices of the configuration folders in use are among them. What other choices decide, as of `recipe/size`, is none.
    """
    primary = safe_load((files(CONFIG_MODULE) / f"{config_name}.yaml").read_text(encoding="utf-8"))
    defaults: list[Any] = primary.get("defaults", [])
    chosen = [pair for entry in defaults if isinstance(entry, dict) for pair in entry.items()]
    groups = {str(group) for group, choice in chosen if "${" not in str(choice)}
    return {group: choices_of(group) for group in sorted(groups)}


def compose_run(overrides: Sequence[str], config_name: str = "train") -> tuple[DictConfig, list[Problem]]:
    """Compose a primary configuration with `overrides`, unknown keys included so that the check can name them.

    Args:
        overrides: as on the command line, e.g. `["experiment=star", "dataset.root=/data"]`; no sweeps.
        config_name: `conf/<config_name>.yaml`.

    Returns:
        The configuration and the problems that kept an override from being applied.
    """
    problems: list[Problem] = []
    choices = group_choices(config_name)
    try:
        overrides = methods_as_experiments(overrides)
    except ConfigError as error:
        return OmegaConf.create(), error.problems
    parsed = _parse(as_typed(overrides), problems)
    kept = [text for override in parsed if (text := _applicable(override, choices, problems))]
    if unplaced := files_without_package(parsed):
        return OmegaConf.create(), [*problems, *unplaced]
    try:
        composed = composed_by_hydra(config_name, kept)
        problems += _hidden_choices(composed.hydra.runtime.choices)
        problems += _classes_of_hydra(OmegaConf.to_container(composed.hydra), "hydra")
        with open_dict(composed):
            del composed["hydra"]
        return composed, problems
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:  # the last of a file's first line
        problems.append(problem_of(error, list(choices), overrides))
        return OmegaConf.create(), problems


def _hidden_choices(choices: Mapping[str, Any]) -> Iterator[Problem]:
    """Choices of this package that a configuration folder has otherwise: Hydra takes this package's, without a word."""
    for group, choice in choices.items():
        own = files(CONFIG_MODULE) / group / f"{choice}.yaml"
        for folder in config_folders() if own.is_file() else ():
            other = as_tree(folder) / group / f"{choice}.yaml"
            if other.is_file() and other.read_bytes() != own.read_bytes():
                yield Problem(group, f"{choice}, which {folder} has as well", "another name: star's own comes first")


def _classes_of_hydra(node: Any, key: str) -> Iterator[Problem]:
    """Classes that Hydra and its logging would call, if they are neither theirs nor this package's callback."""
    for name, value in _items(node):
        here = f"{key}.{name}"
        if name in _CALLED and not str(value).startswith(_CALLED_HERE):
            yield Problem(here, str(value), "no class: those stand in the slots of conf/")
        yield from _classes_of_hydra(value, here)


def _items(node: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(node, dict):
        return node.items()
    return enumerate(node) if isinstance(node, list) else ()


def sweep_jobs(overrides: Sequence[str]) -> list[list[str]]:
    """The override lists of the jobs that Hydra's basic sweeper makes of `overrides`.

    Raises:
        ConfigError: an override cannot be parsed.
    """
    problems: list[Problem] = []
    choices: list[list[str]] = []
    for override in _parse(overrides, problems):
        if override.is_sweep_override():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        else:
            choices.append([override.input_line or ""])
    if problems:
        raise ConfigError(problems)
    return [list(job) for job in itertools.product(*choices)]


def group_of_overrides(overrides: Sequence[str]) -> dict[str, str]:
    """The group choices a run is composed of, e.g. `{"backbone": "tiny", "experiment": "star", ...}`."""
    choices = composed_by_hydra("train", overrides).hydra.runtime.choices
    return {group: str(choice) for group, choice in choices.items() if "/" not in group and group != "hydra"}


def _parse(overrides: Sequence[str], problems: list[Problem]) -> list[Override]:
    parsed = []
    for text in overrides:
        if text.startswith("="):  # to Hydra a key without letters
            problems.append(Problem(text, text, _form(text, "")))
            continue
        try:
            parsed.append(OverridesParser.create().parse_override(text))
        except HydraException as error:
            problems.append(Problem(text, text, _form(text, str(error).partition("\n")[0])))
    return parsed


def _form(text: str, said: str) -> str:
    """What an argument must look like that Hydra cannot parse."""
    key, equals, _ = text.partition("=")
    if not equals:
        return "KEY=VALUE; it has no =, and blanks around = are not allowed"
    blank = not key or any(map(str.isspace, key))
    return "KEY=VALUE without blanks in KEY or around =" if blank else f"KEY=VALUE ({said})"


def _applicable(override: Override, groups: dict[str, list[str]], problems: list[Problem]) -> str | None:
    """The override in a form that composes even when its key is unknown; None for a group or a choice there is not."""
    text = override.input_line or ""
    key = override.key_or_group
    if override.is_sweep_override():
        several = "a sweep: star-train -m" if "experiment" in groups else "a list in brackets, if the key takes one"
        problems.append(Problem(key, text.partition("=")[2], f"one value; several need {several}"))
        return None
    if key in groups:
        chosen = override.value()
        if isinstance(chosen, list):
            problems.append(Problem(key, text.partition("=")[2], f"one of {', '.join(groups[key])}; a sweep takes -m"))
            return None
        wrong = [str(chosen)] if chosen not in groups[key] else []
        if override.is_delete() or not wrong:
            return text
        hint = did_you_mean(wrong[0], groups[key])
        problems.append(Problem(key, ", ".join(wrong), f"one of {', '.join(groups[key])}{hint}"))
        return None
    if (renamed := migrate_overrides([text])[0]) != text:
        problems.append(Problem(key, str(override.value()), f"{renamed.partition('=')[0]}, its name since version 2"))
        return None
    if key.startswith("hydra.") and "_target_" in text:
        problems.append(Problem(key, str(override.value()), "no class: those stand in the slots of conf/"))
        return None
    if (files(CONFIG_MODULE) / key).is_dir():
        problems.append(Problem(key, str(override.value()), f"no such group here (the groups: {', '.join(groups)})"))
        return None
    if override.is_delete() or override.is_add() or override.is_force_add() or key.startswith("hydra"):
        return text
    return f"++{text}"

"""Every problem of a configuration at once, before any work is done."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from typing import Any, TypeVar, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from star.config.compose import compose_run
from star.config.conform import conform, describe, is_scalar
from star.config.environment import prepare_environment
from star.config.rules import HERE, RULES, Rule, broken_rules
from star.config.schema import Config
from star.data.synthetic.levels import find_problems
from star.errors import ConfigError, Problem

T = TypeVar("T")


def check_overrides(overrides: Sequence[str], *, here: bool = True) -> Config:
    """Compose and check one run's configuration.

    Args:
        overrides: as on the command line.
        here: False if the run will be on another machine.

    Raises:
        ConfigError: lists every problem with key, what was given and what was expected.
    """
    composed, problems = compose_run(overrides)
    return check_config(composed, problems, here=here)


def check_config(composed: DictConfig, problems: Sequence[Problem] = (), *, here: bool = True) -> Config:
    """Hold a composed configuration against the schema and against the rules between its keys.

    The classes of the loss terms are imported for it, and MindSpore with them; so the environment MindSpore reads is
    prepared first.

    Args:
        composed: as Hydra composed it.
        problems: those found already; they are raised together with the new ones.
        here: False if the run will be on another machine.

    Raises:
        ConfigError: lists every problem.
    """
    found = list(problems)
    values = _resolved(composed, found)
    if values:
        config = conform(values, Config, found)
        if config.hardware is not None:
            prepare_environment(config.hardware)
        _check_loss_terms(config, found)
        found.extend(_generator_problems(config))
        found.extend(broken_rules(config, found, (*RULES, *HERE) if here else RULES))
    if found:
        raise ConfigError(found)
    return config


def check_command(overrides: Sequence[str], config_name: str, schema: type[T], rules: Sequence[Rule] = ()) -> T:
    """Compose and check the configuration of a command that is not `star-train`. MindSpore is not imported.

    The rules of a training configuration hold here too, as far as the schema has the groups they speak of.

    Args:
        overrides: as on the command line.
        config_name: `conf/<config_name>.yaml`.
        schema: dataclass of the whole configuration.
        rules: further ones, over `schema`.

    Raises:
        ConfigError: lists every problem with key, what was given and what was expected.
    """
    composed, found = compose_run(overrides, config_name)
    values = _resolved(composed, found)
    if not values:
        raise ConfigError(found)
    config = conform(values, schema, found)
    found.extend(_generator_problems(config))
    found.extend(broken_rules(config, found, (*RULES, *HERE, *rules)))
    if found:
        raise ConfigError(found)
    return config


def _generator_problems(config: Any) -> list[Problem]:
    dataset = getattr(config, "dataset", None)
    return [] if dataset is None or dataset.kind != "synthetic" else list(find_problems(dataset.generate or {}))


def _resolved(composed: DictConfig, problems: list[Problem]) -> dict[str, Any]:
    try:
        return OmegaConf.to_container(composed, resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        problems.append(Problem(str(error.full_key or "configuration"), str(error.msg), "a value that resolves"))
        return {}


_SWITCHES = {
    "disturbed_features": "style.attack",
    "disturbed_logits": "style.attack",
    "bone_features": "skeleton_graph.bones",
    "joint_features": "skeleton_graph.joints",
    "pose_logits": "skeleton_graph.pose_classifier",
}
"""Optional outputs of the network and the key that switches each on."""


def _check_loss_terms(config: Config, problems: list[Problem]) -> None:
    """Hold each term against the constructor of its class and against the outputs the network will give."""
    for name, node in (config.loss or {}).items():
        if not isinstance(node, dict):
            continue
        key = f"loss.{name}"
        options = {option: value for option, value in node.items() if option not in ("_target_", "weight")}
        if not is_scalar(node.get("weight"), float) or node["weight"] < 0:
            problems.append(Problem(f"{key}.weight", str(node.get("weight")), "a number (at least 0)"))
        term = _locate(node.get("_target_"))
        if term is None:
            given = str(node.get("_target_"))
            problems.append(Problem(f"{key}._target_", given, "an importable class, e.g. star.losses.Identity"))
            continue
        problems.extend(_wrong_options(key, term, options))
        for output in getattr(term, "requires", ()):
            group, _, switch = _SWITCHES.get(output, "").partition(".")
            if group and getattr(getattr(config, group), switch, None) is False:
                problems.append(Problem(key, "this loss term", f"{group}.{switch}=true, whose output it reads"))
                break


def _wrong_options(key: str, term: type, options: dict[str, Any]) -> list[Problem]:
    parameters, hints = inspect.signature(term).parameters, get_type_hints(term.__init__)
    problems = []
    for option, value in options.items():
        if option not in parameters:
            known = ", ".join(["weight", *parameters])
            problems.append(Problem(f"{key}.{option}", repr(value), f"no such key (known here: {known})"))
        elif option in hints and not is_scalar(value, hints[option]):
            problems.append(Problem(f"{key}.{option}", repr(value), describe(hints[option])))
    return problems


def _locate(target: Any) -> Any:
    if not isinstance(target, str) or "." not in target:
        return None
    module, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None

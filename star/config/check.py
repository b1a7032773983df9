"""The check of a whole configuration: every problem at once, before any work is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from star.config.compose import compose_run, group_choices
from star.config.constraints import HERE, PLACES, RULES, Rule, broken_rules
from star.config.environment import prepare_environment
from star.config.network_slots import is_buildable, network_problems
from star.config.schema import Config
from star.config.slots import fill_slots, read_config
from star.config.validate import validate
from star.errors import ConfigError, Problem
from star.synthetic.levels import find_problems

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


def check_config(
    composed: DictConfig, problems: Sequence[Problem] = (), *, here: bool = True, data: bool = True
) -> Config:
    """Check a composed configuration by the schema, the classes it names and the rules between its keys.

    The classes are imported for it, and MindSpore with them; so the environment MindSpore reads is prepared first. If
    nothing is wrong with them, the network is built once, without initial values, to see whether its parts fit.

    Args:
        composed: as Hydra composed it.
        problems: those found already; they are raised together with the new ones.
        here: False if the run will be on another machine.
        data: False if the data set will not be read, so that its files need not be there.

    Raises:
        ConfigError: lists every problem.
    """
    found = list(problems)
    values = _resolved(composed, found)
    if values:
        config = read_config(values, found, (*group_choices(), "method"))
        if config.hardware is not None:
            prepare_environment(config.hardware)
        slots = fill_slots(config, found)
        found.extend(_generator_problems(config))
        rules = (*RULES, *HERE) if here else RULES
        found.extend(broken_rules(config, found, [rule for rule in rules if data or rule.key not in PLACES]))
        if is_buildable(config, found[len(problems) :]):
            found.extend(network_problems(config, slots))
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
    config = validate(values, schema, found, further=group_choices(config_name))
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
        given = str(error.msg).partition("\n")[0]
        problems.append(Problem(str(error.full_key or "configuration"), given, "a value that resolves"))
        return {}

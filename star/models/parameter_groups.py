"""Groups of parameters that are moved at rates of their own."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mindspore import Parameter

from star.errors import ConfigError, Problem

HEAD = "head"
"""Name of the group of all parameters that no factor is for."""


class Factor(NamedTuple):
    """What a configuration changes for some of the parameters.

    Attributes:
        pattern: regular expression, searched in the parameters' names.
        rate, decay: factors on learning rate and weight decay.
    """

    pattern: str
    rate: float = 1.0
    decay: float = 1.0


class ParameterGroup(NamedTuple):
    """Parameters with the same factors on learning rate and weight decay."""

    parameters: list[Parameter]
    rate: float
    decay: float


def parameter_groups(parameters: Iterable[Parameter], factors: Mapping[str, Factor]) -> dict[str, ParameterGroup]:
    """Deal parameters to groups, each to the first factor whose pattern is found in its name.

    Args:
        parameters: those to be trained.
        factors: by the name of their group.

    Returns:
        The groups by name in the order of `factors`, then "head" with the rest, which may be empty; the parameters of
        a group are in their own order.

    Raises:
        ConfigError: lists the patterns that are no regular expression or that no parameter is left for, and a factor
            with the name "head".
    """
    patterns, problems = _compiled(factors)
    groups = {name: ParameterGroup([], factor.rate, factor.decay) for name, factor in factors.items()}
    groups[HEAD] = ParameterGroup([], 1.0, 1.0)
    for parameter in parameters:
        name = next((name for name, pattern in patterns.items() if pattern.search(parameter.name)), HEAD)
        groups[name].parameters.append(parameter)
    expected = "found in the name of a trainable parameter that no factor before it takes"
    problems += [
        Problem(f"optimiser.factors.{name}.pattern", repr(factors[name].pattern), f"a pattern {expected}")
        for name in patterns
        if not groups[name].parameters
    ]
    if problems:
        raise ConfigError(problems)
    return groups


def _compiled(factors: Mapping[str, Factor]) -> tuple[dict[str, re.Pattern[str]], list[Problem]]:
    patterns: dict[str, re.Pattern[str]] = {}
    problems = []
    for name, factor in factors.items():
        key = f"optimiser.factors.{name}"
        if name == HEAD:
            problems.append(Problem(key, "a factor", "another name; this one is of all parameters without a factor"))
            continue
        try:
            patterns[name] = re.compile(factor.pattern)
        except re.error as error:
            problems.append(Problem(f"{key}.pattern", repr(factor.pattern), f"a regular expression ({error})"))
    return patterns, problems

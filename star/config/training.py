"""The optimisers of parameters: rate factors, further optimisers and their loss terms, checked for a network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from star.config.schema import Config
from star.config.validate import is_scalar
from star.errors import ConfigError, Problem

_FACTOR = ("pattern", "rate", "decay")


def training_problems(config: Config, parameters: Mapping[str, Sequence[str]]) -> list[Problem]:
    """What is wrong with the factors and the further optimisers of a configuration.

    Args:
        config: conforms to the schema.
        parameters: names of the trainable parameters, by the name of the part they belong to; those of a loss term by
            `loss.<term>`.
    """
    names = [name for own in parameters.values() for name in own]
    factors, further = config.optimiser.get("factors"), config.optimiser.get("further")
    problems = []
    for key, group in (("factors", factors), ("further", further)):
        if group is not None and not isinstance(group, dict):
            problems.append(Problem(f"optimiser.{key}", repr(group), "groups of keys by name"))
    for name, node in factors.items() if isinstance(factors, dict) else ():
        problems += _factor_problems(f"optimiser.factors.{name}", node, names)
    terms: dict[str, str] = {}
    for name, node in further.items() if isinstance(further, dict) else ():
        if isinstance(node, dict):
            problems += _further_problems(f"optimiser.further.{name}", node, parameters, config, terms)
    if further and config.schedule.accumulation_steps > 1:
        given = str(config.schedule.accumulation_steps)
        problems.append(Problem("schedule.accumulation_steps", given, "1 with a further optimiser, which steps once"))
    if further and terms.keys() >= config.loss.keys():
        problems.append(Problem("optimiser.further", "every loss term", "a term that is left to the main optimiser"))
    return problems or _unused_factors(factors or {}, further or {}, parameters)


def _unused_factors(
    factors: Mapping[str, Any], further: Mapping[str, Any], parameters: Mapping[str, Sequence[str]]
) -> list[Problem]:
    """Factors that no parameter is left for, as the main optimiser will find them."""
    from star.models.parameter_groups import Factor, parameter_groups

    patterns = [node["parameters"] for node in further.values()]
    own = [names for names in parameters.values() if not any(re.search(p, name) for p in patterns for name in names)]
    stand_ins: Any = [SimpleNamespace(name=name) for names in own for name in names]
    try:
        parameter_groups(stand_ins, {name: Factor(**node) for name, node in factors.items()})
    except ConfigError as error:
        return error.problems
    return []


def _factor_problems(key: str, node: Any, names: Sequence[str]) -> Iterator[Problem]:
    if not isinstance(node, dict):
        yield Problem(key, repr(node), f"a group with the keys {', '.join(_FACTOR)}")
        return
    for name in [name for name in node if name not in _FACTOR]:
        yield Problem(f"{key}.{name}", repr(node[name]), f"no such key (known here: {', '.join(_FACTOR)})")
    for name in ("rate", "decay"):
        if not is_scalar(node.get(name, 1.0), float) or node.get(name, 1.0) < 0:
            yield Problem(f"{key}.{name}", repr(node[name]), "a number (at least 0)")
    yield from _pattern_problems(f"{key}.pattern", node.get("pattern"), names)


def _pattern_problems(key: str, pattern: Any, names: Sequence[str]) -> Iterator[Problem]:
    if not isinstance(pattern, str):
        yield Problem(key, "nothing" if pattern is None else repr(pattern), "a regular expression")
        return
    try:
        found = [name for name in names if re.search(pattern, name)]
    except re.error as error:
        yield Problem(key, repr(pattern), f"a regular expression ({error})")
        return
    if not found:
        shown = ", ".join(dict.fromkeys(name.partition(".")[0] for name in names))
        yield Problem(
            key, repr(pattern), f"a pattern found in the name of a trainable parameter (they begin with {shown})"
        )


def _further_problems(
    key: str, node: dict[str, Any], parameters: Mapping[str, Sequence[str]], config: Config, terms: dict[str, str]
) -> Iterator[Problem]:
    rate = node.get("learning_rate")
    if rate is None or not is_scalar(rate, float) or rate <= 0:
        yield Problem(f"{key}.learning_rate", "nothing" if rate is None else repr(rate), "a number (above 0)")
    names = [name for own in parameters.values() for name in own]
    wrong = list(_pattern_problems(f"{key}.parameters", node.get("parameters"), names))
    yield from wrong
    for part, own in parameters.items() if not wrong else ():
        matching = [name for name in own if re.search(node["parameters"], name)]
        if matching and (len(matching) < len(own) or not part.startswith("branch.")):
            expected = "a pattern of all parameters of branches, and of nothing else"
            yield Problem(f"{key}.parameters", repr(node["parameters"]), f"{expected} (it matches {matching[0]})")
    own_terms = node.get("terms")
    if not isinstance(own_terms, list) or not own_terms:
        yield Problem(f"{key}.terms", "nothing" if own_terms is None else repr(own_terms), "a list of loss terms")
        return
    for term in own_terms:
        if term not in config.loss:
            yield Problem(f"{key}.terms", repr(term), f"a loss term ({', '.join(config.loss)})")
        elif term in terms:
            yield Problem(f"{key}.terms", repr(term), f"a term that is not one of {terms[term]}, too")
        elif isinstance(config.loss[term], dict) and config.loss[term].get("from_epoch"):
            yield Problem(f"loss.{term}.from_epoch", repr(config.loss[term]["from_epoch"]), f"0: {key} has this term")
        terms[term] = key

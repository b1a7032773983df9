"""Initial weights, decided by a seed and the parameter's name.

The order in which cells are made does not matter, and two networks that share a parameter name and shape share its
first value: the baseline and STAR start from the same trunk.

| paper / method                                   | here                    |
|--------------------------------------------------|-------------------------|
| BN necks: gamma ~ N(1, 0.01)                     | `neck.norm.gamma`       |
| classifiers: N(0, 0.001)                         | `classifier.weight`     |
| the rest, as PyTorch and its graph library do    | Kaiming, Xavier, uniform |
"""

import math
import re
import zlib
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from mindspore import Tensor, nn

Shape = tuple[int, ...]
Draw = Callable[[np.random.Generator, Shape], np.ndarray]


def _constant(value: float, rng: np.random.Generator, shape: Shape) -> np.ndarray:
    return np.full(shape, value)


def _normal(mean: float, deviation: float, rng: np.random.Generator, shape: Shape) -> np.ndarray:
    return mean + deviation * rng.standard_normal(shape, np.float32)


def _uniform(bound: float, rng: np.random.Generator, shape: Shape) -> np.ndarray:
    return bound * (2 * rng.random(shape, np.float32) - 1)


def _kaiming_fan_out(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    return _normal(0.0, math.sqrt(2 / (shape[0] * math.prod(shape[2:]))), rng, shape)


def _xavier(rows: int, rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Xavier uniform of `rows` matrices stacked into one."""
    return _uniform(math.sqrt(6 / (rows * shape[-2] + shape[-1])), rng, shape)


def _lstm(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Four gates are stacked, so the width is a quarter of the rows."""
    return _uniform(1 / math.sqrt(shape[0] // 4), rng, shape)


_zeros, _ones = partial(_constant, 0.0), partial(_constant, 1.0)


def constant(value: float) -> Draw:
    """All entries alike."""
    return partial(_constant, value)


def normal(mean: float, deviation: float) -> Draw:
    """A normal distribution."""
    return partial(_normal, mean, deviation)


def uniform(bound: float) -> Draw:
    """A uniform distribution from -bound to bound."""
    return partial(_uniform, bound)


def xavier(rows: int) -> Draw:
    """Xavier's uniform distribution, of `rows` matrices stacked into one."""
    return partial(_xavier, rows)


RULES: tuple[tuple[str, Draw], ...] = (
    (r"\.(beta|moving_mean)$", _zeros),
    (r"\.moving_variance$", _ones),
    (r"_neck\.norm\.gamma$", partial(_normal, 1.0, 0.01)),
    (r"\.gamma$", _ones),
    (r"(^|[._])classifier\.weight$", partial(_normal, 0.0, 0.001)),
    (r"(^|[._])classifier\.bias$", _zeros),
    (r"^backbone\..*\.(conv\d?|shortcut\.0)\.weight$", _kaiming_fan_out),
    (r"\.lstm\.", _lstm),
    (r"\.layer[12]\.(linear\.weight|source|target)$", partial(_xavier, 1)),
    (r"\.layer[12]\.bias$", _zeros),
    (r"_ask_\w+\.(query|key|value)\.weight$", partial(_xavier, 3)),
    (r"_ask_\w+\.\w+\.bias$", _zeros),
)
"""Pattern of the name -> distribution; the first match counts. Other linear layers: uniform +-1/sqrt(inputs)."""
OWN_RULES: Mapping[str, Draw | None] = {**dict(RULES), "": None}
"""As a part's `initial` would say it; None is the uniform distribution of linear layers."""


def initialise(model: nn.Cell, seed: int, parts: Mapping[str, object] | None = None) -> None:
    """Gives every parameter its first value.

    Args:
        model: cells whose parameters have their final names.
        seed: not negative.
        parts: by prefix of the parameters' names, the parts whose `initial` decides; None: those of a network.
    """
    parameters = {parameter.name: parameter for parameter in model.get_parameters()}
    owners: Mapping[str, object] = getattr(model, "named_parts", {}) if parts is None else parts
    for name, parameter in parameters.items():
        owner = next((cell for prefix, cell in owners.items() if name.startswith(f"{prefix}.")), None)
        rules = OWN_RULES if owner is None else rules_of(owner)
        pattern = next((pattern for pattern in rules if re.search(pattern, name)), None)
        if pattern is None:
            continue
        weight = parameters.get(re.sub(r"\.bias$", ".weight", name), parameter)
        draw = rules[pattern] or partial(_uniform, 1 / math.sqrt(math.prod(weight.shape[1:])))
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        parameter.set_data(Tensor(draw(rng, tuple(parameter.shape)).astype(np.float32)))


def rules_of(part: object) -> Mapping[str, Draw | None]:
    """What decides a part's first values: its own `initial`, else the rules of this module for what is this package's.

    That is a class of it, a subclass of one, or a layer of MindSpore. Any other class keeps what its constructor gave
    its parameters, and so does a parameter that no pattern matches.
    """
    own = getattr(part, "initial", None)
    if own is not None:
        return own
    modules = [kind.__module__.partition(".")[0] for kind in type(part).__mro__]
    return OWN_RULES if "star" in modules or modules[0] == "mindspore" else {}

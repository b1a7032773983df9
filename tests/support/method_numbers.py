"""Reference numbers of other methods' code: arrays, their tolerances, weights by formula, checks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn
from support.reference import TAILS, weight

Renaming = Sequence[tuple[str, str]]
"""Beginnings of our parameters' names and what they are in the reference; the first that fits counts."""


class Reference:
    """The numbers of one file.

    Attributes:
        arrays: by name.
        salt: put before names that weights and inputs follow from.
        used: share of its tolerance that each checked array took, by name.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            self.arrays = {key: file[key] for key in file.files}
        names, values = self.arrays["deviation_names"].tolist(), self.arrays["deviation_values"].tolist()
        self.deviations = dict(zip(names, values, strict=True))
        self.salt = str(self.arrays.get("salt", ""))
        self.used: dict[str, float] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def tolerance(self, name: str) -> float:
        """Largest difference allowed, as a share of the array's largest magnitude."""
        return max(1e-5, 20 * self.deviations.get(name, 0.0))

    def check(self, name: str, found: Any, slack: float = 1.0) -> None:
        """Compare an array with the reference's, within `slack` times the tolerance."""
        expected = self.arrays[name]
        found = np.asarray(found.asnumpy() if isinstance(found, Tensor) else found)
        assert found.shape == expected.shape, (name, found.shape, expected.shape)
        deviation = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30)
        self.used[name] = deviation / self.tolerance(name)
        assert deviation <= slack * self.tolerance(name), (name, deviation, self.tolerance(name))

    def check_norms(self, norms: dict[str, float], renaming: Renaming, prefix: str = "", slack: float = 1.0) -> None:
        """Compare norms of gradients, by our names, with those stored; ill-conditioned ones are passed over.

        Args:
            norms: by name of our parameter.
            renaming: to names of the reference.
            prefix: that the stored names lack.
            slack: factor on the tolerance.
        """
        found = {name_there(name, renaming).removeprefix(prefix): norm for name, norm in norms.items()}
        names = self.arrays["grad_names"].tolist()
        for name, norm, deviation in zip(names, self.arrays["grad_norms"], self.arrays["grad_deviation"], strict=True):
            if deviation <= 1e-2:
                away = abs(found[name] - norm) / norm
                tolerance = max(1e-3, 20 * deviation)
                self.used["grad_norms"] = max(self.used.get("grad_norms", 0.0), away / tolerance)
                assert away <= slack * tolerance, (name, away, tolerance)


def drawn(name: str, *shape: int, salt: str = "") -> np.ndarray:
    """A reference input that follows from its name."""
    return np.random.RandomState(zlib.crc32(f"{salt}input:{name}".encode())).standard_normal(shape).astype(np.float32)


def name_there(name: str, renaming: Renaming) -> str:
    """What one of our parameters is called in the reference."""
    for ours, theirs in renaming:
        if name.startswith(ours):
            name = theirs + name[len(ours) :]
            break
    head, _, tail = name.rpartition(".")
    if "layer" in head or "_module." in head or head.startswith("m3.backbone"):
        head = head.replace(".norm", ".bn").replace(".shortcut", ".downsample")
    if head.endswith((".conv", ".bn")) and "layer" not in head:
        head += "1"
    if head.endswith(".in_proj"):
        return f"{head}_{TAILS.get(tail, tail)}"
    return f"{head}.{TAILS.get(tail, tail)}"


def set_weights(
    parameters: Iterable[Parameter],
    renaming: Renaming,
    smaller: Callable[[str], float] | None = None,
    salt: str = "",
) -> None:
    """Give parameters their reference values, times a factor by reference name."""
    for parameter in parameters:
        name = name_there(parameter.name, renaming)
        value = weight(salt + name, tuple(parameter.shape)) * np.float32(1.0 if smaller is None else smaller(name))
        parameter.set_data(Tensor(value))


def gradients_of(
    function: Callable[..., Any], compiled: bool, cell: nn.Cell | None, arrays: Sequence[np.ndarray]
) -> tuple[Any, Sequence[Any], dict[str, float]]:
    """Values, gradients to all arrays, and norms of gradients to a cell's parameters by our names.

    Args:
        function: gives (scalar, anything) of tensors.
        compiled: graph mode or PyNative.
        cell: whose trainable parameters count.
        arrays: float32.
    """
    weights = ms.ParameterTuple(cell.trainable_params()) if cell is not None else None
    step: Any = ms.value_and_grad(function, tuple(range(len(arrays))) or None, weights, has_aux=True)
    values, gradients = (ms.jit(step) if compiled else step)(*map(Tensor, arrays))
    if weights is None:
        return values, gradients if isinstance(gradients, tuple) else (gradients,), {}
    to_arrays, to_weights = gradients if arrays else ((), gradients)
    to_arrays = to_arrays if isinstance(to_arrays, tuple) else (to_arrays,)
    norms = {
        p.name: float(np.linalg.norm(g.asnumpy().astype(np.float64))) for p, g in zip(weights, to_weights, strict=True)
    }
    return values, to_arrays, norms

"""Multiplications of a network, counted where it makes them, from the shapes its layers meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mindspore import Tensor, nn, ops

_PRODUCTS = ("matmul", "bmm")


class Operations:
    """A sum of multiplications with the additions that go with them.

    Attributes:
        total: so far.
    """

    def __init__(self) -> None:
        self.total = 0

    def layer(self, cell: nn.Cell, inputs: tuple[Any, ...], output: Any) -> None:
        """Count one call of a convolution, a linear map or an LSTM; called by MindSpore behind it."""
        if isinstance(cell, nn.LSTM):
            steps = inputs[0].shape[0] * inputs[0].shape[1]  # at each, every matrix is used once
            self.total += steps * sum(p.size for p in cell.get_parameters() if p.ndim == 2)
        else:
            self.total += output.size * (cell.weight.size // cell.weight.shape[0])

    def product(self, multiply: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """The function, with every call counted."""

        def counted(one: Tensor, other: Tensor, *rest: Any) -> Tensor:
            result = multiply(one, other, *rest)
            self.total += result.size * one.shape[-1]
            return result

        return counted


@contextmanager
def counted_operations(network: nn.Cell) -> Iterator[Operations]:
    """Count what calls of a network multiply while this is open; the calls are made operator by operator.

    Counted are convolutions, linear maps, LSTMs and products of matrices. Sums, batch norms, poolings and other work on
    single numbers are not; of a residual network they are less than a hundredth.

    Args:
        network: whose layers are looked at.
    """
    operations = Operations()
    layers = [cell for _, cell in network.cells_and_names() if isinstance(cell, (nn.Conv2d, nn.Dense, nn.LSTM))]
    hooks = [layer.register_forward_hook(operations.layer) for layer in layers]
    own = {name: getattr(ops, name) for name in _PRODUCTS}
    for name, multiply in own.items():
        setattr(ops, name, operations.product(multiply))
    try:
        yield operations
    finally:
        for name, multiply in own.items():
            setattr(ops, name, multiply)
        for hook in hooks:
            hook.remove()

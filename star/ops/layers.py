"""einops patterns as layers for PyNative mode, `ms.jit` and graph mode.

The pattern is checked by einops' own parser when a layer is made. The plan for a shape (reshape, transpose, reduce,
expand, reshape) is computed while a graph is compiled, so a graph holds nothing but these few operations.
"""

import mindspore as ms
from einops import EinopsError
from einops.einops import (
    _prepare_recipes_for_all_dims,
    _prepare_transformation_recipe,
    _reconstruct_from_shape_uncached,
)
from mindspore import Tensor, nn, ops
from mindspore.ops import constexpr

_FLOATS = (ms.float16, ms.bfloat16, ms.float32, ms.float64)
REDUCTIONS = ("mean", "sum", "max", "min", "prod", "any", "all")


@constexpr
def _plan(pattern: str, operation: str, names: tuple, lengths: tuple, shape: tuple) -> tuple:
    """(shape before, permutation, reduced axes, new axes, shape after); () means the step is not needed."""
    # einops' own parser and planner; being private, they are tied to the pinned version by tests.
    recipe = _prepare_transformation_recipe(pattern, operation, axes_names=names, ndim=len(shape))
    try:
        before, permutation, reduced, added, after, _ = _reconstruct_from_shape_uncached(
            recipe, list(shape), list(zip(names, lengths, strict=True))
        )
    except EinopsError as error:
        given = dict(zip(names, lengths, strict=True))
        raise EinopsError(f"pattern {pattern!r} with {given}, shape {shape}: {error}") from error
    return tuple(before or ()), tuple(permutation or ()), tuple(reduced), tuple(sorted(added)), tuple(after or ())


class _Pattern(nn.Cell):
    """A pattern, an operation and the lengths of named axes."""

    def __init__(self, pattern: str, operation: str, lengths: dict[str, int]):
        super().__init__()
        _prepare_recipes_for_all_dims(pattern, operation, tuple(lengths))
        self.pattern = pattern
        self.operation = operation
        self.names = tuple(lengths)
        self.lengths = tuple(lengths.values())

    def construct(self, x: Tensor) -> Tensor:
        before, permutation, reduced, new_axes, after = _plan(
            self.pattern, self.operation, self.names, self.lengths, x.shape
        )
        if len(before) > 0:
            x = ops.reshape(x, before)
        if len(permutation) > 0:
            x = ops.transpose(x, permutation)
        if len(reduced) > 0:
            x = self._reduce(x, reduced)
        for axis in new_axes:
            x = ops.expand_dims(x, axis)
        if len(after) > 0:
            x = ops.reshape(x, after)
        return x

    def _reduce(self, x: Tensor, axes: tuple) -> Tensor:
        if self.operation == "mean":
            if x.dtype not in _FLOATS:
                raise TypeError("the mean needs a floating point tensor; cast it before")
            return ops.mean(x, axes)
        if self.operation == "sum":
            return ops.sum(x, axes)
        if self.operation == "max":
            return ops.amax(x, axes)
        if self.operation == "min":
            return ops.amin(x, axes)
        if self.operation == "any":
            return ops.any(x, axes)
        if self.operation == "all":
            return ops.all(x, axes)
        return ops.prod(ops.reshape(x, x.shape[: axes[0]] + (-1,)), -1)

    def extend_repr(self) -> str:
        lengths = "".join(f", {name}={length}" for name, length in zip(self.names, self.lengths, strict=True))
        return f"{self.pattern!r}, {self.operation}{lengths}"


class Rearrange(_Pattern):
    """Reorders, splits and merges axes, e.g. `Rearrange("b t h w c -> (b t) c h w")`.

    Args:
        pattern: einops pattern.
        lengths: lengths of axes that the input does not tell.

    Raises:
        EinopsError: the pattern is wrong (when the layer is made) or does not fit a shape (when it is called).
    """

    def __init__(self, pattern: str, **lengths: int):
        super().__init__(pattern, "rearrange", lengths)


class Reduce(_Pattern):
    """Reduces the axes that are missing on the right side, e.g. `Reduce("n c h w -> n c", "mean")`.

    Args:
        pattern: einops pattern.
        operation: mean, sum, max, min, prod, any or all.
        lengths: lengths of axes that the input does not tell.

    Raises:
        EinopsError: as for `Rearrange`, or an unknown operation.
    """

    def __init__(self, pattern: str, operation: str, **lengths: int):
        if operation not in REDUCTIONS:
            raise EinopsError(f"reduction {operation!r}: expected one of {', '.join(REDUCTIONS)}")
        super().__init__(pattern, operation, lengths)

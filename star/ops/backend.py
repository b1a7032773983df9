"""MindSpore tensors for the functions of einops, outside of compiled graphs."""

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from einops import EinopsError
from einops._backends import AbstractBackend
from mindspore import Tensor, ops

FLOATS = (ms.float16, ms.bfloat16, ms.float32, ms.float64)
_REDUCTIONS = {"sum": ops.sum, "mean": ops.mean, "max": ops.amax, "min": ops.amin, "any": ops.any, "all": ops.all}


class MindSporeBackend(AbstractBackend):
    """einops finds this class by itself, as a subclass of its `AbstractBackend`, when it meets a MindSpore tensor."""

    framework_name = "mindspore"

    def is_appropriate_type(self, tensor: object) -> bool:
        """Whether this backend is meant."""
        return isinstance(tensor, Tensor)

    def from_numpy(self, x: np.ndarray) -> Tensor:
        """NumPy array to tensor."""
        return Tensor(x)

    def to_numpy(self, x: Tensor) -> np.ndarray:
        """Tensor to NumPy array."""
        return x.asnumpy()

    def arange(self, start: int, stop: int) -> Tensor:
        """Integers from start to before stop."""
        return Tensor(np.arange(start, stop))

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Same numbers, another shape."""
        return ops.reshape(x, tuple(int(length) for length in shape))

    def transpose(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Axes in another order."""
        return ops.transpose(x, tuple(axes))

    def reduce(self, x: Tensor, operation: str, axes: Sequence[int]) -> Tensor:
        """The reduced axes are always the last ones (einops moves them there)."""
        if operation == "prod":
            kept = tuple(x.shape)[: min(axes)]
            return ops.prod(ops.reshape(x, (*kept, -1)), -1)
        if operation not in _REDUCTIONS:
            raise EinopsError(f"reduction {operation!r}: expected one of {', '.join([*_REDUCTIONS, 'prod'])}")
        return _REDUCTIONS[operation](x, tuple(axes))

    def stack_on_zeroth_dimension(self, tensors: list[Tensor]) -> Tensor:
        """Tensors along a new first axis."""
        return ops.stack(tensors)

    def add_axis(self, x: Tensor, new_position: int) -> Tensor:
        """A new axis of length 1."""
        return ops.expand_dims(x, new_position)

    def tile(self, x: Tensor, repeats: Sequence[int]) -> Tensor:
        """Repeats along every axis."""
        return ops.tile(x, tuple(repeats))

    def concat(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """Tensors along an axis that exists."""
        return ops.cat(tuple(tensors), axis)

    def is_float_type(self, x: Tensor) -> bool:
        """Whether a mean is defined."""
        return x.dtype in FLOATS

    def einsum(self, pattern: str, *x: Tensor) -> Tensor:
        """MindSpore has `einsum` on Ascend and GPU only; it says so itself on a CPU."""
        return ops.einsum(pattern, *x)

"""Operations that MindSpore does not have in this form: einops patterns and rows of all processes."""

from star.ops.gather import GatherRows
from star.ops.layers import Rearrange, Reduce

__all__ = ["GatherRows", "Rearrange", "Reduce"]

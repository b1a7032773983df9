"""Operations that MindSpore does not have in this form: einops patterns, rows of all processes, patient reading."""

from star.ops.gather import GatherRows
from star.ops.layers import Rearrange, Reduce
from star.ops.read import read

__all__ = ["GatherRows", "Rearrange", "Reduce", "read"]

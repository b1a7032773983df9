"""einops for MindSpore.

Importing this package teaches the functions of `einops` (`rearrange`, `reduce`, `repeat`, `einsum`, `pack`, ...) about
MindSpore tensors outside of compiled graphs. Inside `ms.jit` and graph mode use the layers of this package: they take
the same patterns in every mode.
"""

from star.ops.backend import MindSporeBackend
from star.ops.gather import GatherRows
from star.ops.layers import Rearrange, Reduce, Repeat
from star.ops.read import read

__all__ = ["GatherRows", "MindSporeBackend", "Rearrange", "Reduce", "Repeat", "read"]

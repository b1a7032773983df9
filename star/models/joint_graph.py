"""The skeleton as a graph, in NumPy only (STAR, arXiv 2411.11069, skeleton graph).

| paper                              | here                                                              |
|------------------------------------|-------------------------------------------------------------------|
| joints of all frames as one graph  | node `frame * 17 + joint`                                         |
| spatial edges                      | `BONES`, in every frame (`complete`) or in frame 0 (`release`)    |
| temporal edges                     | each joint to itself in the next frame                            |

`release` is what the authors' code builds; `complete` is what the paper describes, and the default.
"""

from typing import Literal

import numpy as np

from star.errors import ConfigError, Problem
from star.types import NUMBER_OF_JOINTS

Graph = Literal["complete", "release"]

BONES = (
    ((15, 13), (13, 11), (16, 14), (14, 12), (11, 12))  # legs and hips
    + ((5, 11), (6, 12), (5, 6))  # trunk
    + ((5, 7), (6, 8), (7, 9), (8, 10))  # arms
    + ((1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6))  # head
)
"""(start, end) of the 19 bones, COCO joints."""

ATTENTION_HEADS = (2, 1)
"""Heads of the two graph attention layers."""
ATTENTION_CHANNELS = (16, 12)
"""Channels of one head of the two layers."""


def joint_edges(graph: Graph, frames: int) -> np.ndarray:
    """Directed edges without self-loops.

    Args:
        graph: "complete" or "release".
        frames: T.

    Returns:
        [2 e] int64, row 0 the source and row 1 the target node; both directions of every edge.

    Raises:
        ConfigError: an unknown graph.
    """
    if graph not in ("complete", "release"):
        raise ConfigError([Problem("skeleton_graph.graph", repr(graph), "'complete' or 'release'")])
    bones = np.array(BONES)
    firsts = np.arange(frames if graph == "complete" else 1) * NUMBER_OF_JOINTS
    spatial = (firsts[:, None, None] + bones).reshape(-1, 2)
    nodes = np.arange(NUMBER_OF_JOINTS * (frames - 1))
    temporal = np.stack([nodes, nodes + NUMBER_OF_JOINTS], axis=1)
    one_way = np.concatenate([spatial, temporal])
    return np.concatenate([one_way, one_way[:, ::-1]]).T


def neighbours(graph: Graph, frames: int) -> np.ndarray:
    """[n n] bool, entry (target, source) is true for edges and self-loops; n = T * 17 nodes."""
    mask = np.eye(NUMBER_OF_JOINTS * frames, dtype=bool)
    source, target = joint_edges(graph, frames)
    mask[target, source] = True
    return mask


def averaging_matrix(inputs: int, outputs: int) -> np.ndarray:
    """Adaptive average pooling of `inputs` numbers to `outputs` as a matrix for `x.reshape(-1, g, inputs/g) @ matrix`.

    Window i covers floor(i*inputs/outputs) .. ceil((i+1)*inputs/outputs). The windows repeat after 1/g of the way,
    g the greatest common divisor, so the matrix of one period is enough.

    Returns:
        [inputs/g outputs/g] float32, columns sum to 1.
    """
    period = np.gcd(inputs, outputs)
    inputs, outputs = inputs // period, outputs // period
    matrix = np.zeros((inputs, outputs), np.float32)
    for window in range(outputs):
        first, stop = window * inputs // outputs, -(-(window + 1) * inputs // outputs)
        matrix[first:stop, window] = 1.0 / (stop - first)
    return matrix

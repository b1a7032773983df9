"""Joints branch: graph attention over all joints of a clip (STAR, arXiv 2411.11069; Velickovic et al. 2018).

| paper / method                              | here                                        |
|---------------------------------------------|---------------------------------------------|
| GAT, 3 -> 16 x 2 heads, ELU, -> 12, ELU     | `JointsBranch.layer1`, `layer2`             |
| alpha = softmax over the neighbours         | dense scores plus -1e9 outside of the graph |
| adaptive average pooling to d               | a fixed averaging matrix                    |
| dropout 0.3 and attention dropout 0.6       | keep masks given by the caller              |

We differ in form only: neighbours are a dense [n n] mask (n = T * 17 is a few hundred), which needs no scatter.
"""

from collections.abc import Sequence

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from star.models.joint_graph import ATTENTION_CHANNELS, ATTENTION_HEADS, Graph, averaging_matrix, neighbours
from star.ops import Rearrange
from star.types import NUMBER_OF_JOINTS

_OUTSIDE = -1e9


class GraphAttention(nn.Cell):
    """One graph attention layer on a fixed graph.

    Args:
        inputs: channels of a node.
        channels: channels of a head; the heads are concatenated.
        heads: number of heads.
        mask: [n n] bool, (target, source).
        dropout: share of attention weights that a keep mask drops.
    """

    def __init__(self, inputs: int, channels: int, heads: int, mask: np.ndarray, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Dense(inputs, heads * channels, has_bias=False)
        self.source = Parameter(Tensor(np.zeros((1, heads, channels), np.float32)), name="source")
        self.target = Parameter(Tensor(np.zeros((1, heads, channels), np.float32)), name="target")
        self.bias = Parameter(Tensor(np.zeros(heads * channels, np.float32)), name="bias")
        self.outside = Tensor(np.where(mask, 0.0, _OUTSIDE).astype(np.float32))
        self.kept = 1.0 - dropout
        self.split_heads = Rearrange("b n (heads c) -> b heads n c", heads=heads)
        self.join_heads = Rearrange("b heads n c -> b n (heads c)")

    def construct(self, nodes: Tensor, keep: Tensor | None) -> Tensor:
        """Nodes [b n c], keep [b heads n n] bool or None -> [b n heads*channels]."""
        values = self.values(nodes)
        attention = self.attention(values)
        if keep is not None:
            attention = attention * ops.cast(keep, ms.float32) / self.kept
        return self.join_heads(ops.matmul(attention, values)) + self.bias

    def values(self, nodes: Tensor) -> Tensor:
        """[b n c] -> [b heads n channels] float32."""
        return self.split_heads(ops.cast(self.linear(nodes), ms.float32))

    def attention(self, values: Tensor) -> Tensor:
        """[b heads n channels] -> alpha [b heads n n], (target, source), each target's row sums to 1."""
        source = ops.sum(values * ops.expand_dims(ops.cast(self.source, ms.float32), 2), -1)
        target = ops.sum(values * ops.expand_dims(ops.cast(self.target, ms.float32), 2), -1)
        scores = ops.expand_dims(target, 3) + ops.expand_dims(source, 2)
        scores = ops.maximum(scores, 0.2 * scores) + self.outside
        return ops.softmax(scores, -1)


class JointsBranch(nn.Cell):
    """One vector a clip from the graph of all its joints.

    Args:
        channels: d.
        frames: T of every clip.
        graph: "complete" or "release".
        dropout: share of node features dropped between the layers in training.
        attention_dropout: share of attention weights dropped in training.
    """

    def __init__(self, channels: int, frames: int, graph: Graph, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        mask = neighbours(graph, frames)
        inner = ATTENTION_HEADS[0] * ATTENTION_CHANNELS[0]
        self.layer1 = GraphAttention(3, ATTENTION_CHANNELS[0], ATTENTION_HEADS[0], mask, attention_dropout)
        self.layer2 = GraphAttention(inner, ATTENTION_CHANNELS[1], ATTENTION_HEADS[1], mask, attention_dropout)
        self.kept = 1.0 - dropout
        self.channels = channels
        flat = frames * NUMBER_OF_JOINTS * ATTENTION_HEADS[1] * ATTENTION_CHANNELS[1]
        self.averaging = Tensor(averaging_matrix(flat, channels))
        self.period = self.averaging.shape[0]

    def construct(self, joints: Tensor, dropout: Sequence[Tensor]) -> Tensor:
        """[b t j 3] -> [b d].

        Args:
            joints: x, y and confidence.
            dropout: () for none, else three boolean keep masks: attention of the first layer [b 2 n n], node features
                [b n 32], attention of the second layer [b 1 n n].
        """
        b, t, j, c = joints.shape
        nodes = self.nodes(ops.reshape(joints, (b, t * j, c)), dropout)
        return self.pool(nodes)

    def nodes(self, nodes: Tensor, dropout: Sequence[Tensor]) -> Tensor:
        """[b n 3] -> [b n 12]."""
        if len(dropout) == 0:
            return ops.elu(self.layer2(ops.elu(self.layer1(nodes, None)), None))
        hidden = ops.elu(self.layer1(nodes, dropout[0]))
        hidden = hidden * ops.cast(dropout[1], ms.float32) / self.kept
        return ops.elu(self.layer2(hidden, dropout[2]))

    def pool(self, nodes: Tensor) -> Tensor:
        """[b n 12] -> [b d], frame-major, node, channel."""
        periods = ops.reshape(nodes, (-1, self.period))
        return ops.reshape(ops.matmul(periods, self.averaging), (nodes.shape[0], self.channels))

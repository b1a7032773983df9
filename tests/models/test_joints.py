import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from star.errors import ConfigError
from star.models.joint_graph import averaging_matrix, joint_edges, neighbours
from star.models.joints_branch import GraphAttention, JointsBranch

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("graph", "edges"), [("complete", 830), ("release", 412)])
def test_number_of_edges_and_self_loops(graph, edges):
    assert joint_edges(graph, 12).shape == (2, edges)
    mask = neighbours(graph, 12)
    assert mask.sum() == edges + 204 and mask.diagonal().all()
    np.testing.assert_array_equal(mask, mask.T)


def test_an_unknown_graph_is_refused():
    with pytest.raises(ConfigError, match=r"skeleton_graph\.graph: given 'full'"):
        joint_edges("full", 12)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("inputs", "outputs"), [(2448, 2048), (1224, 128), (612, 32), (10, 3), (5, 5)])
def test_averaging_matrix_is_adaptive_average_pooling(inputs, outputs):
    values = RNG.standard_normal(inputs)
    expected = [
        values[int(np.floor(i * inputs / outputs)) : int(np.ceil((i + 1) * inputs / outputs))].mean()
        for i in range(outputs)
    ]
    matrix = averaging_matrix(inputs, outputs)
    assert matrix.size < 60_000
    given = (values.reshape(-1, len(matrix)) @ matrix).reshape(-1)
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-6)


def plain_attention(nodes, cell, mask, keep, share):
    """Graph attention node by node, for one clip."""
    weight, bias = cell.linear.weight.asnumpy(), cell.bias.asnumpy()
    source, target = cell.source.asnumpy()[0], cell.target.asnumpy()[0]
    heads, channels = source.shape
    values = (nodes @ weight.T).reshape(len(nodes), heads, channels)
    out = np.zeros((len(nodes), heads, channels))
    for head in range(heads):
        for node in range(len(nodes)):
            around = np.flatnonzero(mask[node])
            scores = values[node, head] @ target[head] + values[around, head] @ source[head]
            scores = np.exp(np.where(scores > 0, scores, 0.2 * scores))
            attention = scores / scores.sum()
            if keep is not None:
                attention = attention * keep[head, node, around] / (1 - share)
            out[node, head] = attention @ values[around, head]
    return out.reshape(len(nodes), -1) + bias


@pytest.mark.parametrize("dropped", [False, True])
def test_graph_attention_equals_the_loop(dropped):
    mask = neighbours("complete", 2)
    cell = GraphAttention(3, 4, 2, mask, 0.6)
    for parameter in cell.get_parameters():
        parameter.set_data(Tensor(RNG.standard_normal(parameter.shape).astype(np.float32)))
    nodes = RNG.standard_normal((2, 34, 3)).astype(np.float32)
    keep = RNG.random((2, 2, 34, 34)) >= 0.6 if dropped else None
    given = cell(Tensor(nodes), None if keep is None else Tensor(keep)).asnumpy()
    for clip in range(2):
        expected = plain_attention(nodes[clip], cell, mask, None if keep is None else keep[clip], 0.6)
        np.testing.assert_allclose(given[clip], expected, rtol=1e-4, atol=1e-5)


def test_dropout_masks_of_ones_only_scale(in_mode):
    cell = JointsBranch(32, 3, "complete", 0.0, 0.0)
    for parameter in cell.get_parameters():
        parameter.set_data(Tensor(RNG.standard_normal(parameter.shape).astype(np.float32)))
    joints = RNG.random((2, 3, 17, 3)).astype(np.float32)
    masks = [np.ones((2, 2, 51, 51), bool), np.ones((2, 51, 32), bool), np.ones((2, 1, 51, 51), bool)]

    def run(joints, *masks):
        return cell(joints, masks)

    expected = cell(Tensor(joints), ()).asnumpy()
    np.testing.assert_allclose(in_mode(run, joints, *masks).asnumpy(), expected, rtol=1e-5, atol=1e-6)
    masks[1] = np.zeros_like(masks[1])
    without = in_mode(run, joints, *masks).asnumpy()
    bias = cell.layer2.bias.asnumpy()
    nodes = np.tile(np.where(bias > 0, bias, np.exp(bias) - 1), 51)[None].repeat(2, 0)
    np.testing.assert_allclose(without, cell.pool(Tensor(nodes.astype(np.float32))).asnumpy(), rtol=1e-5, atol=1e-6)
    assert ms.get_context("mode") == ms.PYNATIVE_MODE

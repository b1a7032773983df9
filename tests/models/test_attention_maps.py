"""The attention that is read is the attention that was used."""

from typing import Any

import numpy as np
import pytest
from mindspore import Tensor, ops
from support.small_networks import FRAMES, NO_SKELETON, small_batch, small_network

from star.evaluation.attention_pictures import ClipAttention
from star.models import attention_maps as reader
from star.models.pooling import generalised_mean

CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}


def read_attention(*given: Any, **options: Any) -> list[ClipAttention]:
    return [ClipAttention(**view) for view in reader.read_attention(*given, **options)]


def clips():
    visible, _, joints, *_ = small_batch(joints=False, clips=2)
    return visible, joints


def test_branch_outputs_follow_from_what_is_read():
    model = small_network()
    frames, joints = clips()
    seen = {}
    cells = {"joints": model.skeleton.joints, "pooling": model.pooling, "guidance": model.frame_guidance}
    handles = [
        cell.register_forward_hook(lambda _, given, out, name=name: seen.update({name: (given, out)}))
        for name, cell in cells.items()
    ]
    views = read_attention(model, frames, joints, infrared=False)
    for handle in handles:
        handle.remove()

    branch = model.skeleton.joints
    for clip, view in enumerate(views):
        nodes = Tensor(joints.asnumpy()[clip : clip + 1].reshape(1, -1, 3))
        for layer, attention in zip((branch.layer1, branch.layer2), view.joints, strict=True):
            mixed = layer.join_heads(ops.matmul(Tensor(attention[None]), layer.values(nodes)))
            nodes = ops.elu(mixed + layer.bias)
        np.testing.assert_allclose(branch.pool(nodes).asnumpy()[0], seen["joints"][1].asnumpy()[clip], **CLOSE)

        (bones, plain), guided = seen["guidance"]
        answers = []
        for cell, content, attention in (
            (model.frame_guidance.bones_ask_frames, plain, view.bones_ask_frames),
            (model.frame_guidance.frames_ask_bones, bones, view.frames_ask_bones),
        ):
            assert attention is not None
            values = cell.split_heads(cell.value(content[clip : clip + 1]))
            answers.append(cell.out(cell.join_heads(ops.matmul(Tensor(attention[None]), values))))
        update = ops.relu(model.frame_guidance.out(ops.relu(model.frame_guidance.hidden(ops.cat(answers, -1)))))
        again = update.asnumpy()[0] + plain.asnumpy()[clip] + 1e-3
        np.testing.assert_allclose(again, guided.asnumpy()[clip], **CLOSE)

        means = np.stack([generalised_mean(guided, power).asnumpy()[clip] for power in view.powers])
        assert view.mixture is not None
        np.testing.assert_allclose((view.mixture * means).sum(0), seen["pooling"][1].asnumpy()[clip], **CLOSE)


def test_shapes_and_sums():
    frames, joints = clips()
    views = read_attention(small_network(graph="release"), frames, joints, infrared=True)
    assert len(views) == 2
    n = 17 * FRAMES
    for view in views:
        assert [layer.shape for layer in view.joints] == [(2, n, n), (1, n, n)]
        assert view.graph is not None and view.graph.shape == (n, n)
        for layer in view.joints:
            np.testing.assert_allclose(layer.sum(-1), 1, rtol=1e-5)
            assert not layer[:, ~view.graph].any()
        for attention in (view.bones_ask_frames, view.frames_ask_bones):
            assert attention is not None and attention.shape == (4, FRAMES, FRAMES)
            np.testing.assert_allclose(attention.sum(-1), 1, rtol=1e-5)
        assert view.powers == (0.7, 1.0, 3.0, 5.0, 7.0)
        assert view.mixture is not None and view.mixture.shape == (5, 32)
        np.testing.assert_allclose(view.mixture.sum(0), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "there"),
    [
        (NO_SKELETON, set()),
        ({"joints": False, "sequence_guidance": False}, {"bones_ask_frames", "frames_ask_bones"}),
        ({"bones": False, "frame_guidance": False}, {"joints", "graph", "powers", "mixture"}),
    ],
    ids=["baseline", "frame guidance alone", "joints and pooling"],
)
def test_only_what_exists_is_read(options, there):
    view = read_attention(small_network(**options), *clips(), infrared=False)[0]
    assert {name for name, value in view._asdict().items() if value is not None and len(value)} == there


def test_the_model_is_left_as_it_was():
    model = small_network()
    frames, joints = clips()
    before = model.set_train(False).embed(frames, joints, False).asnumpy()
    model.set_train(True)
    read_attention(model, frames, joints, infrared=False)
    assert model.training
    assert not any(cell._forward_pre_hook for _, cell in model.cells_and_names())
    np.testing.assert_array_equal(model.set_train(False).embed(frames, joints, False).asnumpy(), before)

"""Every part against the numbers of the authors' code, eager and jitted."""

from typing import Any

import numpy as np
import pytest
from mindspore import Tensor
from support.reference import set_reference_weights

from star.models.bones_branch import BoneFeatures, BonesBranch
from star.models.frame_guidance import FrameGuidance
from star.models.joint_graph import joint_edges
from star.models.joints_branch import JointsBranch
from star.models.pooling import GuidedPooling
from star.models.resnet import ResNet
from star.models.style import adaptive_instance_norm, style_of

CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5}


def test_adain(golden, in_mode):
    z = golden("adain")

    def adain(content, style):
        mean, std = style_of(content)
        style_mean, style_std = style_of(style)
        return adaptive_instance_norm(content, mean, std, style_mean, style_std)

    np.testing.assert_allclose(in_mode(adain, z["content"], z["style"]).asnumpy(), z["out"], **CLOSE)


def test_bone_features(golden, in_mode):
    z = golden("bone_features")
    cell = BoneFeatures()

    def features(joints):
        return cell(joints)

    np.testing.assert_allclose(in_mode(features, z["joints"][None]).asnumpy()[0], z["features"], **CLOSE)


def test_bones_branch(golden, in_mode):
    z = golden("bone_bilstm")
    cell = BonesBranch(32)
    set_reference_weights(cell, [("linear.", "bone_linear."), ("lstm.", "bone_lstm.")])

    def encode(features):
        return cell.encode(features)

    np.testing.assert_allclose(in_mode(encode, z["features"]).asnumpy(), z["out"], **CLOSE)


@pytest.mark.parametrize("graph", ["complete", "release"])
def test_joints_branch(golden, in_mode, graph):
    z = golden(f"joint_graph_{graph}")
    given = {tuple(edge) for edge in z["edge_index"].T}
    ours = {tuple(edge) for edge in joint_edges(graph, 12).T}
    assert ours == given
    assert joint_edges(graph, 12).shape == z["edge_index"].shape
    cell = JointsBranch(2048, 12, graph, 0.3, 0.6)
    set_reference_weights(cell, [("layer1.", "gat.conv1."), ("layer2.", "gat.conv2.")])

    def run(nodes):
        out = cell.nodes(nodes, ())
        return out, cell.pool(out)

    out, pooled = in_mode(run, z["nodes"])
    np.testing.assert_allclose(out.asnumpy(), z["out"], **CLOSE)
    np.testing.assert_allclose(pooled.asnumpy(), z["pooled"], **CLOSE)


def test_frame_guidance(golden, in_mode):
    z = golden("frame_attention")
    cell = FrameGuidance(64, 4)
    names = {
        "bones_ask_frames": "cross_attn",
        "frames_ask_bones": "reverse_cross_attn",
        "hidden": "ffn.0",
        "out": "ffn.2",
    }
    set_reference_weights(cell, [(f"{ours}.", f"frame_attention.{theirs}.") for ours, theirs in names.items()])

    def run(skeleton, frames):
        return cell(skeleton, frames)

    np.testing.assert_allclose(in_mode(run, z["skeleton"], z["frames"]).asnumpy(), z["out"], **CLOSE)


def test_guided_pooling(golden, in_mode):
    z = golden("guided_gem")
    cell = GuidedPooling(32, 64, z["powers"].tolist())
    set_reference_weights(cell, [("mixture.", "guided_gem.fc_layers.")])

    def run(frames, guide):
        return cell(frames, guide)

    np.testing.assert_allclose(in_mode(run, z["frames"], z["guide"]).asnumpy(), z["out"], **CLOSE)


def test_resnet50(golden):
    z = golden("resnet50")
    cell = ResNet()
    set_reference_weights(
        cell, [("visible_stem.", "resnet50."), ("infrared_stem.", "resnet50."), ("stage", "resnet50.layer")]
    )
    cell.set_train(False)

    image = Tensor(z["image"])
    features = cell(image, False)
    assert features.shape == tuple(z["map_shape"])
    np.testing.assert_allclose(features.asnumpy().mean((2, 3)), z["map_mean"], **CLOSE)
    shallow = cell.stage1(cell.visible_stem(image)).asnumpy()
    np.testing.assert_allclose(shallow.mean((2, 3)), z["layer1_mean"], **CLOSE)

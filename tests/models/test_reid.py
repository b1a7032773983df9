from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor
from support.small_networks import FRAMES, IDENTITIES, NO_SKELETON, small_batch, small_network

from star.errors import ConfigError
from star.losses import (
    BatchHardTriplet,
    CrossModalityConsistency,
    Defence,
    DisturbedIdentity,
    FrameIdentity,
    Identity,
    JointsBonesConsistency,
    PoseIdentity,
    WeightedLosses,
)
from star.models import Embedder

BASELINE_KEYS = {"clip_features", "clip_logits", "frame_features", "frame_logits"}
ATTACK_KEYS = {"disturbed_features", "disturbed_logits"}
VARIANTS = {
    "baseline": (NO_SKELETON, ATTACK_KEYS),
    "plain": ({**NO_SKELETON, "style_augmentation": False, "style_attack": False}, set()),
    "star": ({}, ATTACK_KEYS | {"bone_features", "joint_features"}),
    "frame_only": ({"joints": False, "sequence_guidance": False}, ATTACK_KEYS | {"bone_features"}),
    "baseline_max": ({**NO_SKELETON, "pooling": "max"}, ATTACK_KEYS),
    "sequence_only": ({"frame_guidance": False}, ATTACK_KEYS | {"bone_features", "joint_features"}),
    "bones_only": ({"joints": False}, ATTACK_KEYS | {"bone_features"}),
    "joints_only": ({"bones": False, "frame_guidance": False}, ATTACK_KEYS | {"joint_features"}),
    "star_release": (
        {"graph": "release", "coordinates": "pixels", "pose_classifier": True},
        ATTACK_KEYS | {"bone_features", "joint_features", "pose_logits"},
    ),
}


def terms_for(keys: set[str]) -> WeightedLosses:
    """Every term whose inputs exist."""
    terms = {
        "identity": Identity(),
        "triplet": BatchHardTriplet(0.3),
        "frame_identity": FrameIdentity(),
        "disturbed_identity": DisturbedIdentity(),
        "defence": Defence(),
        "joints_bones": JointsBonesConsistency(),
        "cross_modality": CrossModalityConsistency(),
        "pose_identity": PoseIdentity(),
    }
    chosen = {name: term for name, term in terms.items() if set(term.reads) <= keys | {"identities"}}
    return WeightedLosses(chosen, dict.fromkeys(chosen, 1.0))


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_and_gradients_of_every_variant(variant):
    options, extra = VARIANTS[variant]
    model = small_network(**options)
    model.set_train(True)
    inputs = small_batch(joints=options.get("joints", True))
    output = model(*inputs)
    assert set(output) == BASELINE_KEYS | extra
    n, d = 8, model.out_channels
    shapes = {"clip_features": (n, d), "clip_logits": (n, IDENTITIES), "pose_logits": (n, IDENTITIES)}
    shapes |= {f"{kind}_features": (n * FRAMES, d) for kind in ("frame", "disturbed")}
    shapes |= {f"{kind}_logits": (n * FRAMES, IDENTITIES) for kind in ("frame", "disturbed")}
    shapes |= {"bone_features": (n, FRAMES, d), "joint_features": (n, d)}
    for key, value in output.items():
        assert tuple(value.shape) == shapes[key], key
        assert value.dtype == ms.float32, key
    losses = terms_for(set(output))
    identities = Tensor(np.tile(np.array([0, 0, 3, 3], np.int32), 2))
    weights = ms.ParameterTuple(model.trainable_params())

    def total(*inputs):
        return losses(model(*inputs), identities)[0]

    gradients = ms.grad(total, None, weights)(*inputs)
    for parameter, gradient in zip(weights, gradients, strict=True):
        values = gradient.asnumpy()
        assert np.isfinite(values).all(), parameter.name
        assert np.abs(values).max() > 0, f"{parameter.name} is not used"


@pytest.mark.parametrize(
    "variant", ["star", *(pytest.param(name, marks=pytest.mark.slow) for name in ("baseline", "star_release"))]
)
def test_a_compiled_step_gives_the_eager_numbers(variant):
    options, _ = VARIANTS[variant]
    model = small_network(**options)
    inputs = small_batch(joints=options.get("joints", True))
    model.set_train(True)
    losses = terms_for(set(model(*inputs)))
    identities = Tensor(np.tile(np.array([0, 0, 3, 3], np.int32), 2))
    weights = ms.ParameterTuple(model.trainable_params())

    def forward(*inputs):
        output = model(*inputs)
        total, terms = losses(output, identities)
        return total, terms, output["clip_features"], output["disturbed_features"]

    step: Any = ms.value_and_grad(forward, None, weights, has_aux=True)
    results = []
    for function in (step, ms.jit(step)):
        reset_statistics(model)
        (total, terms, clip, disturbed), gradients = function(*inputs)
        values = [total, *terms, clip, disturbed, *gradients, *statistics(model)]
        results.append([value.asnumpy() for value in values])
    names = ["total", *losses.names, "clip", "disturbed", *(p.name for p in weights), *statistics(model)]
    assert len(names) == len(results[0])
    for name, eager, compiled in zip(names, *results, strict=True):
        scale = np.abs(eager).max()
        assert scale > 0, name
        assert np.abs(eager - compiled).max() <= 1e-4 * scale + 1e-7, name


def statistics(model) -> list:
    return [parameter for parameter in model.get_parameters() if "moving_" in parameter.name]


def reset_statistics(model) -> None:
    for parameter in statistics(model):
        fill = np.ones if "variance" in parameter.name else np.zeros
        parameter.set_data(Tensor(fill(parameter.shape, np.float32)))


def test_embedders_give_unit_vectors_alike_in_both_modes_between_training_steps():
    model = small_network()
    visible, infrared, joints = (small_batch(joints=True)[position] for position in (0, 1, 2))
    names = [parameter.name for parameter in model.get_parameters()]
    embedders = {modality: Embedder(model, modality) for modality in ("visible", "infrared")}
    assert [parameter.name for parameter in model.get_parameters()] == names
    compiled = ms.jit(embedders["visible"])
    features = {}
    for _ in range(2):
        model.set_train(True)
        model(*small_batch(joints=True))
        model.set_train(False)
        for modality, frames in (("visible", visible), ("infrared", infrared)):
            eager = embedders[modality](frames, joints).asnumpy()
            np.testing.assert_allclose(np.linalg.norm(eager, axis=1), 1, rtol=1e-5)
            if modality == "visible":
                np.testing.assert_allclose(compiled(frames, joints).asnumpy(), eager, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(embedders[modality](frames[:1], joints[:1]).asnumpy(), eager[:1], atol=1e-6)
            features[modality] = eager
    same_frames = embedders["infrared"](visible, joints).asnumpy()
    assert np.abs(same_frames - features["visible"]).max() > 1e-4, "each modality has its own stem"


def test_skeletons_change_the_retrieval_features_of_star_only():
    for options, changes in (({}, True), (NO_SKELETON, False)):
        model = small_network(**options)
        model.set_train(False)
        frames, _, joints, others = small_batch(joints=True)[:4]
        difference = model.embed(frames, joints, False) - model.embed(frames, others, False)
        assert (np.abs(difference.asnumpy()).max() > 1e-5) == changes


def test_pixel_coordinates_multiply_by_the_frame():
    frames, _, joints = small_batch(joints=True)[:3]
    pixels = Tensor(joints.asnumpy() * np.array([16, 32, 1], np.float32))
    in_frame, in_pixels = (small_network(coordinates=name) for name in ("frame", "pixels"))
    for model in (in_frame, in_pixels):
        model.set_train(False)
    expected = in_frame.embed(frames, pixels, True).asnumpy()
    np.testing.assert_allclose(in_pixels.embed(frames, joints, True).asnumpy(), expected, atol=1e-6)


def test_only_what_is_used_exists_and_equal_names_start_equal():
    star = {p.name: p.asnumpy() for p in small_network(seed=3).get_parameters()}
    baseline = {p.name: p.asnumpy() for p in small_network(seed=3, **NO_SKELETON).get_parameters()}
    assert {name.split(".")[0] for name in baseline} == {"backbone", "frame_neck", "clip_neck"}
    assert {name.split(".")[0] for name in star} - {name.split(".")[0] for name in baseline} == {
        "skeleton",
        "frame_guidance",
        "pooling",
    }
    for name, values in baseline.items():
        np.testing.assert_array_equal(values, star[name])
    other = {p.name: p.asnumpy() for p in small_network(seed=4).get_parameters()}
    assert np.abs(other["backbone.stage1.0.conv1.weight"] - star["backbone.stage1.0.conv1.weight"]).max() > 0.01


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"bones": False}, "skeleton_graph.frame_guidance"),
        ({**NO_SKELETON, "sequence_guidance": True}, "skeleton_graph.sequence_guidance"),
        ({**NO_SKELETON, "pose_classifier": True}, "skeleton_graph.pose_classifier"),
        ({"attention_heads": 5}, "skeleton_graph.attention_heads"),
        ({"graph": "star"}, "skeleton_graph.graph"),
        ({"coordinates": "metres"}, "skeleton_graph.coordinates"),
        ({"joint_dropout": 1.0}, "skeleton_graph.joint_dropout"),
        ({"guided_powers": []}, "guidance.sequence.powers"),
        ({**NO_SKELETON, "power": 0.0}, "aggregation.power"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, key):
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        small_network(**options)

import re

import numpy as np
import pytest
from support.small_networks import small_network

from star.models.initial import RULES


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return {p.name: p.asnumpy() for p in small_network(pose_classifier=True).get_parameters()}


def test_necks_and_classifiers(weights):
    for neck in ("frame_neck", "clip_neck"):
        gamma = weights[f"{neck}.norm.gamma"]
        assert gamma.mean() == pytest.approx(1, abs=0.01) and 0.005 < gamma.std() < 0.02
        assert not weights[f"{neck}.norm.beta"].any()
        assert weights[f"{neck}.classifier.weight"].std() == pytest.approx(0.001, rel=0.2)
    assert weights["pose_classifier.weight"].std() == pytest.approx(0.001, rel=0.2)
    assert not weights["pose_classifier.bias"].any()


def test_convolutions_are_kaiming(weights):
    weight = weights["backbone.stage4.0.conv2.weight"]
    assert weight.std() == pytest.approx(np.sqrt(2 / (32 * 9)), rel=0.05)


def test_linear_layers_are_bounded_by_their_inputs(weights):
    for name, inputs in (("skeleton.bones.linear", 38), ("pooling.mixture", 64), ("frame_guidance.hidden", 64)):
        for tail in ("weight", "bias"):
            values = np.abs(weights[f"{name}.{tail}"])
            assert 0.8 / np.sqrt(inputs) < values.max() <= 1 / np.sqrt(inputs), name


def test_statistics_start_neutral(weights):
    for name, values in weights.items():
        if name.endswith("moving_mean"):
            assert not values.any()
        if name.endswith("moving_variance"):
            assert (values == 1).all()


def test_every_rule_is_used(weights):
    first = (next((pattern for pattern, _ in RULES if re.search(pattern, name)), None) for name in weights)
    assert {*first} - {None} == {pattern for pattern, _ in RULES}

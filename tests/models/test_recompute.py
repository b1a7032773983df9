"""Activations that are computed again change no number."""

from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from support.small_networks import small_batch, small_network

from star.models.recompute import recompute_stages


def gradients(again: bool) -> tuple[float, list[np.ndarray], dict[str, np.ndarray]]:
    """Loss, gradients and running statistics of a step, with the style attack, which passes stages 3 and 4 twice."""
    model = small_network()
    model.set_train(True)
    if again:
        recompute_stages(model.backbone)
    weights = ms.ParameterTuple(model.trainable_params())

    def total(*inputs):
        output = model(*inputs)
        return (output["clip_logits"] ** 2).sum() + (output["disturbed_features"] ** 2).sum()

    loss, found = ms.jit(ms.value_and_grad(total, None, weights))(*small_batch(joints=True))
    moving = {p.name: p.asnumpy() for p in model.get_parameters() if "moving" in p.name}
    return float(loss), [gradient.asnumpy() for gradient in found], moving


@pytest.mark.slow
def test_loss_gradients_and_statistics_are_the_same():
    loss, expected, statistics = gradients(again=False)
    again, found, moved = gradients(again=True)
    assert again == loss
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * np.abs(other).max())
    for name, values in statistics.items():
        np.testing.assert_array_equal(moved[name], values, err_msg=name)

import mindspore as ms
import numpy as np
import pytest
from support.small_networks import small_batch, small_network

from star.errors import ConfigError
from star.models import set_precision


@pytest.mark.parametrize("level", ["O2", pytest.param("O3", marks=pytest.mark.slow)])
def test_half_precision_stays_near_and_has_finite_gradients(level: str):
    inputs = small_batch(joints=True)
    model = small_network(pose_classifier=True)
    model.set_train(True)
    expected = {name: value.asnumpy() for name, value in model(*inputs).items()}
    names = [parameter.name for parameter in model.get_parameters()]
    set_precision(model, level)
    assert [parameter.name for parameter in model.get_parameters()] == names
    output = model(*inputs)
    assert any((output[name].asnumpy() != values).any() for name, values in expected.items())
    for name, values in expected.items():
        assert output[name].dtype == ms.float32, name
        assert np.abs(output[name].asnumpy() - values).max() < 0.05 * np.abs(values).max(), name

    def total(*inputs):
        output = model(*inputs)
        return (output["clip_logits"] ** 2).sum() + (output["disturbed_features"] ** 2).sum()

    weights = ms.ParameterTuple(model.trainable_params())
    for parameter, gradient in zip(weights, ms.grad(total, None, weights)(*inputs), strict=True):
        assert np.isfinite(gradient.asnumpy()).all(), parameter.name


def test_an_unknown_level_is_refused():
    with pytest.raises(ConfigError, match=r"hardware\.precision: given 'O9'"):
        set_precision(small_network(), "O9")

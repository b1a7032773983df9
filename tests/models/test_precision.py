import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from support.small_networks import small_batch, small_network

from star.errors import ConfigError
from star.models import set_precision
from star.models.pooling import GuidedPooling


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


@pytest.mark.parametrize("level", ["O2", "O3"])
def test_powers_of_small_features_need_more_than_half_precision(level: str):
    """In float16 the powers of features of 0.01 and less are zero, and with them the pooled feature."""
    rng = np.random.default_rng(0)
    frames = rng.uniform(1e-3, 1e-2, (3, 6, 8)).astype(np.float16)
    guide = rng.standard_normal((3, 4)).astype(np.float32)
    pooling = GuidedPooling(8, 4)
    set_precision(pooling, level)
    found = pooling(Tensor(frames), Tensor(guide)).asnumpy()
    weights = pooling.weights(Tensor(guide)).asnumpy().astype(np.float64)
    means = [np.mean(frames.astype(np.float64) ** power, 1) + 1e-12 for power in pooling.powers]
    pooled = np.stack([mean ** (1 / power) for mean, power in zip(means, pooling.powers, strict=True)], 1)
    np.testing.assert_allclose(found, (weights * pooled).sum(1), rtol=2e-3)
    vanished = [power for power in pooling.powers if not (frames ** np.float16(power)).any()]
    assert vanished == [5.0, 7.0]


class Norm(nn.Cell):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(8)

    def construct(self, x: Tensor) -> Tensor:
        return self.norm(x)


@pytest.mark.parametrize(("level", "dtype", "tolerance"), [("O2", ms.float32, 1e-5), ("O3", ms.float16, 2e-3)])
def test_batch_norms_calculate_in_float32_whatever_they_are_given(level: str, dtype, tolerance: float):
    """At a mean of 300 neighbouring numbers of float16 are 0.25 apart: no sum of them in float16 would do."""
    frames = (300 + 0.5 * np.random.default_rng(0).standard_normal((16, 8, 16, 8))).astype(np.float16)
    model = Norm()
    model.set_train(True)
    set_precision(model, level)
    found = model(Tensor(frames))
    exact = frames.astype(np.float64)
    mean, variance = exact.mean((0, 2, 3)), exact.var((0, 2, 3))
    expected = (exact - mean[:, None, None]) / np.sqrt(variance[:, None, None] + 1e-5)
    assert found.dtype == dtype
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(model.norm.moving_mean.asnumpy(), 0.1 * mean, rtol=1e-5)
    assert model.norm.moving_variance.dtype == ms.float32


def test_an_unknown_level_is_refused():
    with pytest.raises(ConfigError, match=r"hardware\.precision: given 'O9'"):
        set_precision(small_network(), "O9")

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from star.models.pooling import GeneralisedMean, GuidedPooling, Maximum


@pytest.mark.parametrize("power", [0.7, 1.0, 3.0])
def test_generalised_mean(in_mode, power):
    frames = np.random.default_rng(0).uniform(0.1, 2, (2, 5, 4)).astype(np.float32)
    cell = GeneralisedMean(power)

    def run(frames):
        return cell(frames)

    expected = (frames**power).mean(1) ** (1 / power)
    np.testing.assert_allclose(in_mode(run, frames).asnumpy(), expected, rtol=1e-4)


def test_maximum_is_what_large_powers_come_near(in_mode):
    frames = np.random.default_rng(0).uniform(0.1, 1, (2, 5, 4)).astype(np.float32)
    cell = Maximum()

    def run(frames):
        return cell(frames)

    np.testing.assert_array_equal(in_mode(run, frames).asnumpy(), frames.max(1))
    np.testing.assert_allclose(frames.max(1), GeneralisedMean(60.0)(Tensor(frames)).asnumpy(), rtol=0.03)


def test_dead_channels_have_finite_gradients_for_every_power():
    frames = np.random.default_rng(0).uniform(0, 2, (2, 5, 4)).astype(np.float32)
    frames[:, :, 1] = 0
    cell = GuidedPooling(4, 3)
    guide = Tensor(np.ones((2, 3), np.float32))

    def run(frames):
        return (cell(frames, guide) ** 2).sum()

    gradient = ms.grad(run)(Tensor(frames)).asnumpy()
    assert np.isfinite(gradient).all() and not gradient[:, :, 1].any()

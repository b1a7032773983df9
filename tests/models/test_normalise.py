import numpy as np
import pytest
from mindspore import Tensor

from star.errors import ConfigError
from star.models import Normalise

MEAN, STD = (10.0, 20.0, 30.0), (1.0, 2.0, 4.0)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_channels_mean_and_deviation(in_mode, order):
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 4, 3), dtype=np.uint8)
    cell = Normalise(MEAN, STD, order)

    def run(frames):
        return cell(frames)

    channels = frames if order == "rgb" else frames[..., ::-1]
    expected = np.moveaxis((channels - np.array(MEAN)) / np.array(STD), -1, 2)
    np.testing.assert_allclose(in_mode(run, frames).asnumpy(), expected, rtol=1e-6)


def test_wrong_numbers_are_refused_together():
    with pytest.raises(ConfigError) as error:
        Normalise((1.0, 2.0), (1.0, 0.0, 1.0), "grb")  # pyright: ignore[reportArgumentType]
    assert [problem.key for problem in error.value.problems] == [
        "backbone.mean",
        "backbone.std",
        "backbone.channel_order",
    ]
    Normalise(MEAN, STD)(Tensor(np.zeros((1, 1, 2, 2, 3), np.uint8)))

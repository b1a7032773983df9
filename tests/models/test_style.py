import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from star.models.encoder import MixedEncoder
from star.models.frame_pooling import Average
from star.models.style import StyleAugmentation, restyle

RNG = np.random.default_rng(0)


def plain_restyle(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """AdaIN, channel by channel."""
    out = np.empty_like(features)
    for frame, other in enumerate(rows):
        for channel in range(features.shape[1]):
            content, style = features[frame, channel], features[other, channel]
            deviation = content.std(ddof=1) + 1e-6
            out[frame, channel] = (style.std(ddof=1) + 1e-6) * (content - content.mean()) / deviation + style.mean()
    return out


def test_restyle_equals_the_loop(in_mode):
    features = RNG.standard_normal((6, 3, 4, 2))
    rows = np.array([1, 0, 5, 3, 2, 2], np.int32)

    def run(features, rows):
        return restyle(features, rows)

    given = in_mode(run, features.astype(np.float32), rows).asnumpy()
    np.testing.assert_allclose(given, plain_restyle(features, rows), rtol=1e-4, atol=1e-5)


def test_a_channel_without_variance_has_a_finite_gradient():
    features = RNG.standard_normal((4, 3, 4, 2)).astype(np.float32)
    features[1, 2] = 0
    rows = Tensor(np.array([1, 0, 3, 2], np.int32))

    def run(features):
        return (restyle(features, rows) ** 2).sum()

    assert np.isfinite(ms.grad(run)(Tensor(features)).asnumpy()).all()


def test_augmentation_multiplies_and_then_reorders(in_mode):
    cell = StyleAugmentation()
    frames = RNG.standard_normal((2, 3, 4, 5)).astype(np.float32)
    gains = np.array([[0.5, 1.0, 1.5], [2.0, 2.0, 2.0]], np.float32)
    channels = np.array([[2, 0, 1], [0, 1, 2]], np.int32)

    def run(frames, gains, channels):
        return cell(frames, gains, channels)

    given = in_mode(run, frames, gains, channels).asnumpy()
    scaled = frames * gains[:, :, None, None]
    np.testing.assert_allclose(given, np.stack([scaled[0][[2, 0, 1]], scaled[1]]), rtol=1e-6)


class Frames(nn.Cell):
    """A trunk whose maps are the frames."""

    out_channels = 3

    def construct(self, frames: Tensor) -> Tensor:
        return frames


def test_mixed_clips_have_one_gain_in_infrared_and_one_a_channel_in_visible(in_mode):
    """M3-ReID: once a clip, no new order of channels."""
    cell = MixedEncoder(Frames(), Average(), style_augmentation=True, style_per="clip", permute_channels=False)
    clips = RNG.standard_normal((4, 2, 3, 4, 5)).astype(np.float32)
    modality = np.array([1, 0, 0, 1], np.int32)
    drawn = cell.random_inputs(np.random.default_rng(0), 4, 2)
    assert cell.reads == ("clips", "modality", "gains", "channels")
    gains = drawn["gains"]
    assert 0.5 <= gains.min() < gains.max() <= 1.5 and (gains == gains[:, :1]).all()

    def run(clips, modality, gains, channels):
        return cell(clips, modality, gains, channels)[2]

    maps = in_mode(run, clips, modality, gains, drawn["channels"]).asnumpy().reshape(clips.shape)
    expected = np.where(modality[:, None, None] == 1, gains[..., :1], gains)
    np.testing.assert_allclose(maps, clips * expected[..., None, None], rtol=1e-6)

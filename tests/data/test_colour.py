import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from star.data.augmentation import AugmentationOptions
from star.data.colour import LUMINANCE, UNCHANGED, Colour, draw_colour, recolour

FACTORS = st.floats(0.0, 2.0)
SEEDS = st.integers(0, 2**32 - 1)


def _options(**options):
    return AugmentationOptions(pad=0, flip=0, erase=0, erase_area=[0.1, 0.2], erase_aspect=[1, 1], **options)


OFTEN = _options(
    weighted_greyscale=0.4,
    channel_exchange=0.5,
    colour_jitter=0.6,
    infrared_jitter=0.7,
    brightness=0.5,
    contrast=0.4,
    saturation=0.3,
)


def _frame(seed, height=24, width=16):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def _recoloured(frame, colour):
    copy = frame.copy()
    recolour(copy, colour)
    return copy


def _plain_recolour(frame, colour):
    """Brightness, contrast, saturation and grey one after the other, without rounding between them."""
    pixels = frame.astype(float) * colour.brightness
    pivot = (frame[::4, ::4] @ np.array(LUMINANCE)).mean() * colour.brightness
    pixels = colour.contrast * pixels + (1 - colour.contrast) * pivot
    pixels = colour.saturation * pixels + (1 - colour.saturation) * (pixels @ np.array(LUMINANCE))[..., None]
    if colour.grey:
        pixels = np.repeat((pixels @ np.array(colour.grey))[..., None], 3, axis=2)
    return pixels.clip(0, 255)


def _draws(modality, options, count=600):
    return [draw_colour(np.random.default_rng(seed), modality, options) for seed in range(count)]


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(seed=SEEDS, brightness=FACTORS, contrast=FACTORS, saturation=FACTORS, grey=st.booleans())
def test_one_pass_equals_the_single_steps(seed, brightness, contrast, saturation, grey):
    weights = np.random.default_rng(seed).dirichlet([1, 1, 1])
    colour = Colour(brightness, contrast, saturation, (weights[0], weights[1], weights[2]) if grey else None)
    frame = _frame(seed)
    assert np.abs(_recoloured(frame, colour) - _plain_recolour(frame, colour)).max() <= 1.5


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_an_exchanged_channel_is_copied_exactly(channel):
    weights = (float(channel == 0), float(channel == 1), float(channel == 2))
    frame = _frame(channel, 31, 17)
    result = _recoloured(frame, Colour(grey=weights))
    assert all(np.array_equal(result[..., c], frame[..., channel]) for c in range(3))


def test_nothing_drawn_changes_nothing():
    frame = _frame(0)
    assert np.array_equal(_recoloured(frame, UNCHANGED), frame)
    assert set(_draws("visible", _options(brightness=0.5)) + _draws("infrared", _options())) == {UNCHANGED}


def test_a_jitter_keeps_infrared_frames_without_colour():
    grey = np.repeat(_frame(0)[..., :1], 3, axis=2)
    for colour in _draws("infrared", OFTEN, 50):
        result = _recoloured(grey, colour)
        assert np.array_equal(result[..., 0], result[..., 1]) and np.array_equal(result[..., 0], result[..., 2])


def test_probabilities_and_ranges_are_used():
    visible, infrared = _draws("visible", OFTEN), _draws("infrared", OFTEN)
    exchanged = [c.grey is not None and max(c.grey) == 1 for c in visible]
    weighted = [c.grey is not None and max(c.grey) < 1 for c in visible]
    jittered = [c.brightness != 1 for c in visible]
    assert np.mean(weighted) == pytest.approx(0.4, abs=0.06)
    assert np.mean(exchanged) == pytest.approx(0.5 * (1 - 0.4), abs=0.06)
    assert np.mean(jittered) == pytest.approx(0.6, abs=0.06)
    assert np.mean([c.brightness != 1 for c in infrared]) == pytest.approx(0.7, abs=0.06)
    for name, far in (("brightness", 0.5), ("contrast", 0.4), ("saturation", 0.3)):
        values = [getattr(c, name) for c in visible]
        assert 1 - far <= min(values) < 1 - 0.9 * far and 1 + 0.9 * far < max(values) <= 1 + far
    assert all(c.saturation == 1 and c.grey is None for c in infrared)
    assert np.mean([c.grey[0] for c in visible if c.grey]) == pytest.approx(1 / 3, abs=0.05)
    assert all(sum(c.grey) == pytest.approx(1) for c in visible if c.grey)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(seed=SEEDS)
def test_an_option_leaves_the_draws_of_the_others_alone(seed):
    def draw(**options):
        return draw_colour(np.random.default_rng(seed), "visible", _options(brightness=0.5, **options))

    both, jittered, grey = (
        draw(colour_jitter=1, weighted_greyscale=1),
        draw(colour_jitter=1),
        draw(weighted_greyscale=1),
    )
    assert both == jittered._replace(grey=grey.grey) and jittered.grey is None and grey.brightness == 1

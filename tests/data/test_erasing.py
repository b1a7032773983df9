"""The two laws by which rectangles are erased, and what they are filled with."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from star.data.augmentation import AugmentationOptions
from star.data.transforms import ERASED, augment_frame, draw_augmentation

HEIGHT, WIDTH = 288, 144
RELEASE = AugmentationOptions(
    pad=10, flip=0.5, erase=1.0, erase_area=[0.02, 0.4], erase_aspect=[0.3, 1 / 0.3], erase_law="uniform",
    erase_fill="release",
)  # fmt: skip
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def aspects(options: AugmentationOptions, count: int = 3000) -> np.ndarray:
    """Height / width of rectangles so small that every one fits."""
    options = replace(options, erase_area=[0.04, 0.05])
    drawn = [draw_augmentation(np.random.default_rng(seed), HEIGHT, WIDTH, options) for seed in range(count)]
    return np.array([d.erased[2] / d.erased[3] for d in drawn if d.erased])


def quantiles(law: str, shares: np.ndarray) -> np.ndarray:
    low, high = 0.3, 1 / 0.3
    if law == "uniform":
        return low + shares * (high - low)
    return np.exp(math.log(low) + shares * (math.log(high) - math.log(low)))


@pytest.mark.parametrize("law", ["uniform", "log_uniform"])
def test_the_aspect_follows_its_law(law: str):
    shares = np.linspace(0.1, 0.9, 9)
    found = np.quantile(aspects(replace(RELEASE, erase_law=law)), shares)
    np.testing.assert_allclose(found, quantiles(law, shares), rtol=0.08)


def test_both_laws_take_the_same_random_numbers():
    """So what is drawn after the rectangle, such as colours, is the same."""
    options = replace(RELEASE, erase_area=[0.04, 0.05])
    rests = []
    for law in ("uniform", "log_uniform"):
        rng = np.random.default_rng(3)
        draw_augmentation(rng, HEIGHT, WIDTH, replace(options, erase_law=law))
        rests.append(rng.random())
    assert rests[0] == rests[1]


def test_rectangles_that_do_not_fit_are_drawn_again():
    """Many rectangles are wider than the frame; no clip of 400 goes without one all the same."""
    drawn = [draw_augmentation(np.random.default_rng(seed), HEIGHT, WIDTH, RELEASE).erased for seed in range(400)]
    assert all(drawn)


@pytest.mark.parametrize("fill, units", [("mean", (0.0, 0.0, 0.0)), ("release", (0.4914, 0.4822, 0.4465))])
def test_the_fill_is_that_of_the_release_to_half_a_grey_level(fill: str, units: tuple[float, ...]):
    options = replace(RELEASE, erase_fill=fill)
    frame = np.full((HEIGHT, WIDTH, 3), 7, np.uint8)
    out = np.empty_like(frame)
    augmentation = draw_augmentation(np.random.default_rng(0), HEIGHT, WIDTH, options)
    augment_frame(frame, augmentation, out)
    assert augmentation.erased
    top, left, rows, columns = augmentation.erased
    inside = out[top : top + rows, left : left + columns].reshape(-1, 3)
    assert (inside == ERASED[options.erase_fill]).all()
    wanted = np.array(MEAN) + np.array(units) * np.array(DEVIATION)
    assert np.abs(inside[0] - wanted).max() <= 0.5

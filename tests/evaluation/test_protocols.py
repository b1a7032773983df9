"""The chance level against random orders and on cases that can be worked out."""

from itertools import permutations

import numpy as np
import pytest

from star.errors import EvaluationError
from star.evaluation.protocols import chance_level, clip_text
from star.evaluation.ranking import rank


@pytest.mark.parametrize(("same_camera_filter", "first"), [(True, 2 / 4), (False, 3 / 5)])
def test_exact_over_all_orders(same_camera_filter: bool, first: float):
    gallery, cameras = np.array([1, 1, 2, 3, 1]), np.array([1, 2, 1, 1, 1])
    labels, options = (np.array([1]), gallery, np.array([2]), cameras), {"same_camera_filter": same_camera_filter}
    scores = [rank(np.array([order], dtype=np.float32), *labels, **options) for order in permutations(range(5))]
    chance = chance_level(*labels, **options)
    assert chance["mAP"] == pytest.approx(100 * np.mean([score.mean_average_precision for score in scores]))
    assert (
        chance["R1"] == pytest.approx(100 * np.mean([score.cmc[0] for score in scores])) == pytest.approx(100 * first)
    )
    assert chance["R5"] == pytest.approx(100)


def test_mean_of_random_similarities():
    random = np.random.default_rng(0)
    labels = (
        random.integers(0, 9, 80),
        random.integers(0, 9, 90),
        random.integers(0, 3, 80),
        random.integers(0, 3, 90),
    )
    scores = [rank(random.random((80, 90), dtype=np.float32), *labels).as_metrics() for _ in range(150)]
    for name, value in chance_level(*labels).items():
        assert value == pytest.approx(np.mean([score[name] for score in scores]), abs=1.2)


def test_one_item_left():
    assert chance_level(np.array([1]), np.array([1]), np.array([1]), np.array([2]))["mAP"] == pytest.approx(100)


def test_no_match():
    with pytest.raises(EvaluationError, match="none of the 1 queries"):
        chance_level(np.array([1]), np.array([2]), np.array([1]), np.array([2]))


def test_clip_text():
    assert clip_text(6, 64, 32) == "T=6 64x32"

"""Every split is embedded once; directions that swap a pair share one matrix."""

import numpy as np
import pytest
from support.plain_ranking import plain_ranking
from support.tiny_vcm import write_tiny_vcm

from star.data.hitsz_vcm import read_hitsz_vcm
from star.evaluation.evaluator import rank_test_set
from star.types import VideoReIDData


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    write_tiny_vcm(root)
    return read_hitsz_vcm(root)


def _features(data: VideoReIDData, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    features = {s.name: random.standard_normal((len(s.tracklets), 8)).astype(np.float32) for s in data.test_splits}
    return {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in features.items()}


def test_two_splits_and_one_matrix_where_the_directions_swap(data):
    assert [split.name for split in data.test_splits] == ["query", "gallery"]
    assert [split.name for split in data.splits] == ["train", "query", "gallery"]
    features = _features(data)
    found = rank_test_set(data, features)
    assert found.similarity["v2i"].base is found.similarity["i2v"]
    np.testing.assert_array_equal(found.similarity["i2v"], features["query"] @ features["gallery"].T)
    for direction, pair in data.test.items():
        expected = plain_ranking(found.similarity[direction], *pair.labels)
        np.testing.assert_array_equal(found.scores[direction].cmc, expected.cmc)
        assert found.scores[direction].mean_average_precision == pytest.approx(expected.mean_average_precision)

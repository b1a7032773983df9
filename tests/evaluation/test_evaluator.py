"""Every split is embedded once; each direction ranks its own queries in its own gallery."""

import numpy as np
import pytest
from support.plain_ranking import plain_ranking
from support.tiny_bupt import write_tiny_bupt
from support.tiny_vcm import write_tiny_vcm

from star.data.bupt_campus import read_bupt_campus
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.matches import count_valid
from star.evaluation.evaluator import rank_test_set
from star.types import VideoReIDData


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> VideoReIDData:
    root = tmp_path_factory.mktemp("vcm")
    write_tiny_vcm(root)
    return read_hitsz_vcm(root)


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory):
    """Reads one miniature with any protocol."""
    root = tmp_path_factory.mktemp("campus")
    write_tiny_bupt(root, identities=2, auxiliary=0, infrared_queries=75, visible_queries=70, frames=1)
    return lambda **options: read_bupt_campus(root, **options)


def _features(data: VideoReIDData, seed: int = 0) -> dict[str, np.ndarray]:
    """Rows that lie near their identity's own direction, so that rankings are neither perfect nor random."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((1 + max(t.identity for s in data.test_splits for t in s.tracklets), 8))
    features = {}
    for split in data.test_splits:
        rows = centres[split.rows[0]] + random.standard_normal((len(split.tracklets), 8))
        features[split.name] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return features


def test_two_splits_and_one_matrix_where_the_directions_swap(swapped: VideoReIDData):
    assert [split.name for split in swapped.test_splits] == ["query", "gallery"]
    assert [split.name for split in swapped.splits] == ["train", "query", "gallery"]
    features = _features(swapped)
    found = rank_test_set(swapped, features)
    assert found.similarity["v2i"].base is found.similarity["i2v"]
    np.testing.assert_array_equal(found.similarity["i2v"], features["query"] @ features["gallery"].T)
    for direction, pair in swapped.test.items():
        expected = plain_ranking(found.similarity[direction], *pair.labels)
        np.testing.assert_array_equal(found.scores[direction].cmc, expected.cmc)
        assert found.scores[direction].mean_average_precision == pytest.approx(expected.mean_average_precision)


@pytest.mark.parametrize("protocol", ["full", "official_drop64"])
@pytest.mark.parametrize("same_camera_filter", [True, False])
def test_four_splits_ranked_as_by_the_plain_loop(campus, protocol: str, same_camera_filter: bool):
    data = campus(protocol=protocol, same_camera_filter=same_camera_filter)
    names = ["infrared query", "visible gallery", "visible query", "infrared gallery"]
    assert [split.name for split in data.test_splits] == names
    features = _features(data)
    found = rank_test_set(data, features)
    for direction, pair in data.test.items():
        similarity, scores = found.similarity[direction], found.scores[direction]
        np.testing.assert_array_equal(similarity, features[pair.query.name] @ features[pair.gallery.name].T)
        expected = plain_ranking(similarity, *pair.labels, same_camera_filter=same_camera_filter)
        np.testing.assert_array_equal(scores.cmc, expected.cmc)
        assert scores.mean_average_precision == pytest.approx(expected.mean_average_precision, rel=1e-12)
        assert scores.valid_queries == count_valid(pair, same_camera_filter) == int((expected.first_hit > 0).sum())
        assert (scores.queries, scores.gallery) == (len(pair.query.tracklets), len(pair.gallery.tracklets))

"""The per-query record: the run's own scores come out of it again, file and memory agree, damage is noticed."""

from dataclasses import replace

import numpy as np
import pytest
from support.tiny_vcm import write_tiny_vcm

from star.data.hitsz_vcm import read_hitsz_vcm
from star.errors import EvaluationError
from star.evaluation.per_query import PerQuery, per_query, read_per_query, write_per_query
from star.evaluation.ranking import rank
from star.types import SCORE_NAMES, Direction


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    write_tiny_vcm(root, test_identities=7)
    return read_hitsz_vcm(root)


@pytest.fixture(scope="module")
def similarity(data):
    shape = len(data.query.tracklets), len(data.gallery.tracklets)
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    matrices: dict[Direction, np.ndarray] = {"i2v": matrix, "v2i": matrix.T}
    return matrices


def test_means_are_the_scores(data, similarity):
    for direction, queries in per_query(data, similarity).items():
        scores = rank(similarity[direction], *data.test[direction].labels)
        expected = scores.as_metrics()
        np.testing.assert_array_equal(queries.cmc, scores.cmc)
        assert int(queries.valid.sum()) == scores.valid_queries
        for name in SCORE_NAMES:
            assert 100 * np.mean(queries.values(name)[queries.valid]) == pytest.approx(expected[name], abs=1e-12)


def test_a_line_by_hand(data, similarity):
    queries = per_query(data, similarity)["v2i"]
    pair = data.test["v2i"]
    assert queries.first_frame[3] == pair.query.tracklets[3].frames[0]
    assert (queries.identity[3], queries.camera[3]) == (pair.query.tracklets[3].identity, 1)
    order = np.argsort(-similarity["v2i"][3], kind="stable")
    right = [pair.gallery.tracklets[item].identity == queries.identity[3] for item in order]
    ranks = np.flatnonzero(right) + 1
    assert queries.first_hit[3] == ranks[0] and queries.matches[3] == 2
    assert queries.average_precision[3] == pytest.approx((1 / ranks[0] + 2 / ranks[1]) / 2)
    first = queries.first_answers(3, count=4)
    assert first.items.tolist() == order[:4].tolist() and first.right.tolist() == right[:4]
    assert len(queries.first_answers(3).items) == 10 and np.isnan(first.similarities).all()


def test_a_query_without_a_match_is_empty_and_does_not_count(data, similarity, tmp_path):
    pair = data.test["i2v"]
    lonely = tuple(t._replace(identity=99) if place == 2 else t for place, t in enumerate(pair.query.tracklets))
    changed = replace(data, test={"i2v": pair._replace(query=replace(pair.query, tracklets=lonely))})
    queries = per_query(changed, {"i2v": similarity["i2v"]})["i2v"]
    assert not queries.valid[2] and queries.first_hit[2] == 0 and np.isnan(queries.values("R1")[2])
    write_per_query({"i2v": queries}, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines()[3].startswith(f"i2v,2,99,2,{queries.first_frame[2]},0,,,0,")
    assert np.isnan(read_per_query(tmp_path / "a.csv")["i2v"].average_precision[2])


def test_the_file_keeps_everything(data, similarity, tmp_path):
    written = per_query(data, similarity)
    write_per_query(written, tmp_path / "per_query.csv")
    read = read_per_query(tmp_path / "per_query.csv")
    assert list(read) == ["i2v", "v2i"]
    for direction, queries in written.items():
        for name in PerQuery._fields:
            np.testing.assert_array_equal(getattr(read[direction], name), getattr(queries, name))


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda lines: [], "begins with nothing"),
        (lambda lines: ["a,b", *lines[1:]], "begins with"),
        (lambda lines: [*lines[:2], *lines[3:]], "queries are missing or out of order"),
        (lambda lines: [*lines[:-1], lines[-1][:20]], "is damaged"),
        (lambda lines: [*lines[:1], lines[1].replace(",0.", ",x."), *lines[2:]], "is damaged"),
    ],
)
def test_damage_is_noticed(data, similarity, tmp_path, damage, complaint):
    path = tmp_path / "per_query.csv"
    write_per_query(per_query(data, similarity), path)
    path.write_text("\n".join(damage(path.read_text().splitlines())))
    with pytest.raises(EvaluationError, match=complaint):
        read_per_query(path)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_per_query(tmp_path / "nothing.csv")

"""Exact search against a plain sort, and the indexes of faiss against the exact search."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from support.features import made_features

from star.errors import DataError, StarError
from star.search import exact
from star.search.exact import ExactIndex
from star.search.faiss_index import FaissIndex, Recipe, build_index


def plainly(values: np.ndarray, queries: np.ndarray, count: int, allowed: np.ndarray | None) -> np.ndarray:
    similarity = queries.astype(np.float32) @ values.astype(np.float32).T
    if allowed is not None:
        similarity[:, ~allowed] = -np.inf
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :count]
    return np.where(np.isfinite(np.take_along_axis(similarity, order, axis=1)), order, exact.NONE)


@pytest.mark.parametrize("share", [None, 0.5, 0.01])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_exact_search_is_a_stable_sort(monkeypatch, share, dtype):
    monkeypatch.setattr(exact, "_ITEMS", 37)
    monkeypatch.setattr(exact, "_QUERIES", 4)
    values = made_features(300, dtype=dtype).values
    values[200:220] = values[10]  # equal items, over the border of a block
    queries = np.concatenate([values[10:11], made_features(9, seed=1).values])
    allowed = None if share is None else np.random.default_rng(0).random(300) < share
    found = ExactIndex(values).search(queries, 12, allowed)
    np.testing.assert_array_equal(found.items, plainly(values, queries, 12, allowed))


def test_fewer_items_than_asked_for_leave_places_empty():
    found = ExactIndex(made_features(3).values).search(made_features(2, seed=1).values, 5)
    assert (found.items[:, 3:] == -1).all() and np.isneginf(found.similarities[:, 3:]).all()


@pytest.fixture(scope="module")
def gallery() -> np.ndarray:
    faiss = pytest.importorskip("faiss", reason="faiss is not installed (extra `search`)")
    faiss.omp_set_num_threads(1)  # threads that wait for each other take a minute on a busy machine
    return made_features(3000, 32).values


def built(values: np.ndarray, recipe: Recipe, probes: int = 1000) -> FaissIndex:
    blocks = [values[:1999], values[1999:]]
    return build_index(len(values), values.shape[1], lambda rows: values[rows], blocks, recipe, probes)


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_flat_and_all_cells_of_ivf_are_exact(gallery, kind):
    queries = made_features(20, 32, seed=1).values
    allowed = np.arange(3000) % 3 == 1
    index = built(gallery, Recipe(kind))
    for items in (None, allowed, np.zeros(3000, bool)):
        found, wanted = index.search(queries, 10, items), ExactIndex(gallery).search(queries, 10, items)
        np.testing.assert_array_equal(found.items, wanted.items)
        np.testing.assert_allclose(found.similarities, wanted.similarities, atol=1e-5)
    assert (index.search(queries, 5000).items[:, 3000:] == -1).all()


@pytest.mark.parametrize("kind", ["pq", "ivf_pq"])
def test_codes_find_most_and_keep_to_the_filter(gallery, kind):
    queries = gallery[:20] + 0.01
    found = built(gallery, Recipe(kind, code_bytes=16)).search(queries, 10, np.arange(3000) < 1000)
    assert (found.items[:, 0] == np.arange(20)).mean() > 0.9 and found.items.max() < 1000


def test_fewer_cells_find_less(gallery):
    index = built(gallery, Recipe("ivf", lists=64), probes=1)
    wanted = ExactIndex(gallery).search(gallery[:50] + 0.05, 10).items
    few = (index.search(gallery[:50] + 0.05, 10).items == wanted).mean()
    index.probes = 64
    assert few < 0.9 < (index.search(gallery[:50] + 0.05, 10).items == wanted).mean()


@pytest.mark.parametrize(
    ("kind", "train", "wanted"), [("ivf", 3000, None), ("pq", 300, "9,984"), ("ivf_pq", 3000, "9,984")]
)
def test_few_features_to_learn_from_are_told_once(gallery, kind, train, wanted, caplog, capfd):
    built(gallery, Recipe(kind, code_bytes=16, train=train))
    said = [record.getMessage() for record in caplog.records]
    of = f"the index learns from {train:,} features, better are {wanted} or more: what it finds may be far from exact"
    assert said == ([of] if wanted else [])
    assert "WARNING" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (Recipe("ivf", lists=5000), "lists=5000: expected at most 3,000, the items they are learnt from"),
        (Recipe("pq", code_bytes=5), "code_bytes=5 for 3,000 features of 32 numbers: expected a divisor of 32"),
        (Recipe("ivf_pq", train=100), "at least 256 features to learn the codes from"),
    ],
)
def test_recipes_that_do_not_fit_are_refused(gallery, recipe, said):
    with pytest.raises(DataError) as caught:
        built(gallery, recipe)
    assert said in str(caught.value)


def test_the_loader_of_faiss_is_silent():
    pytest.importorskip("faiss", reason="faiss is not installed (extra `search`)")
    program = (
        "import logging, sys; logging.basicConfig(level=logging.INFO, stream=sys.stdout)\n"
        "from star.search.faiss_index import require_faiss; require_faiss()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert (done.stdout, done.stderr) == ("", "")


def test_without_faiss_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(StarError, match=r"needs the package faiss, which is not installed: pip install 'star-vvi-reid"):
        built(made_features(300).values, Recipe("flat"))

"""The pictures: right colours in the right places, skeletons where there are any, no display needed."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.tiny_vcm import write_tiny_vcm

from star.data.frames import FolderFrames
from star.data.hitsz_vcm import read_hitsz_vcm
from star.errors import EvaluationError
from star.evaluation.pictures import cmc_curve, ranked_lists
from star.evaluation.ranking import rank
from star.types import Direction, Retrieval, Scores

GREEN, RED = (30, 150, 60), (205, 40, 40)


def _pixels(path, colour):
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return int((picture == np.array(colour, np.uint8)).all(axis=2).sum())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    write_tiny_vcm(root, skeletons=True)
    return read_hitsz_vcm(root)


@pytest.fixture(scope="module")
def perfect(data):
    query_identities, gallery_identities, _, _ = data.test["i2v"].labels
    return (query_identities[:, None] == gallery_identities).astype(np.float32)


@pytest.mark.parametrize("direction", ["i2v", "v2i"])
def test_perfect_similarities_are_green_and_inverted_ones_red(data, perfect, direction, tmp_path):
    best = ranked_lists(data, perfect, direction, tmp_path / "new" / "best.png", answers=2, frames=2)
    worst = ranked_lists(data, -perfect, direction, tmp_path / "worst.png", answers=2, frames=2)
    assert _pixels(best, GREEN) > 10_000 > 10 > _pixels(best, RED)
    assert _pixels(worst, RED) > 10_000 > 10 > _pixels(worst, GREEN)


def test_the_direction_decides_which_side_is_answered(data, perfect, tmp_path):
    """Rows have their own best column, but all columns the first row."""
    similarity = perfect.copy()
    similarity[0] += 5
    options = {"answers": 1, "frames": 1}
    rows = ranked_lists(data, similarity, "i2v", tmp_path / "rows.png", **options)
    columns = ranked_lists(data, similarity.T, "v2i", tmp_path / "columns.png", **options)
    assert _pixels(rows, RED) < 10
    assert _pixels(columns, RED) > 1.9 * _pixels(columns, GREEN) > 1000


def test_the_choice_of_queries_follows_the_seed(data, perfect, tmp_path):
    names = ("a", "b", "c")
    for name, seed in zip(names, (0, 0, 1), strict=True):
        ranked_lists(data, perfect, "i2v", tmp_path / f"{name}.png", queries=2, answers=2, seed=seed, frames=1)
    pictures = [(tmp_path / f"{name}.png").read_bytes() for name in names]
    assert pictures[0] == pictures[1] != pictures[2]


def test_skeletons_and_missing_frames_change_the_picture(data, perfect, tmp_path):
    options = {"queries": 1, "answers": 1, "frames": 1}
    ranked_lists(data, perfect, "i2v", tmp_path / "with.png", **options)
    query, gallery = data.test["i2v"]
    bare = replace(data, test={"i2v": Retrieval(replace(query, skeletons=None), gallery)})
    ranked_lists(bare, perfect, "i2v", tmp_path / "without.png", **options)
    missing = replace(data, test={"i2v": Retrieval(replace(query, frames=FolderFrames(tmp_path)), gallery)})
    ranked_lists(missing, perfect, "i2v", tmp_path / "missing.png", **options)
    assert (tmp_path / "with.png").read_bytes() != (tmp_path / "without.png").read_bytes()
    assert _pixels(tmp_path / "missing.png", (128, 128, 128)) > 64 * 100


def test_similarities_of_another_shape_are_refused(data, tmp_path):
    with pytest.raises(EvaluationError, match="expected"):
        ranked_lists(data, np.zeros((2, 3), np.float32), "i2v", tmp_path / "a.png")


def test_cmc_curve(data, perfect, tmp_path):
    matrices: dict[Direction, np.ndarray] = {"i2v": perfect, "v2i": perfect.T}
    scores: dict[Direction, Scores] = {d: rank(matrix, *data.test[d].labels) for d, matrix in matrices.items()}
    path = cmc_curve(scores, tmp_path / "new" / "cmc.png", "perfect")
    low: dict[Direction, Scores] = {"i2v": scores["i2v"]._replace(cmc=np.full(20, 0.5))}
    other = cmc_curve(low, tmp_path / "low.png", "half")
    assert cv2.imread(str(path)).shape == cv2.imread(str(other)).shape
    assert _pixels(path, (36, 113, 163)) > 100 > 0 == _pixels(other, (36, 113, 163))

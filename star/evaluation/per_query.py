"""The per-query record of a run: one line a query, for paired comparisons and a look at the hardest ones.

The file is `per_query.csv` in the run's folder, queries in the order of the direction's query list:

    direction,query,identity,camera,first_frame,matches,average_precision,inverse_negative_penalty,first_hit,answers,right

`query` and `answers` (the first ten, best first) are positions in the direction's query and gallery lists, `right` has
1 or 0 for each answer, `first_hit` counts from 1. A query without a match has `matches` 0 and no precision. Means over
the others are the run's scores: the CMC at rank r is their share with `first_hit` <= r.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from star.errors import EvaluationError
from star.evaluation.ranking import RANKS, Answers, rank_queries, top
from star.types import DIRECTIONS, Direction, VideoReIDData

PER_QUERY_FILE = "per_query.csv"
ANSWERS = 10
_COLUMNS = (
    *("direction", "query", "identity", "camera", "first_frame", "matches", "average_precision"),
    *("inverse_negative_penalty", "first_hit", "answers", "right"),
)


class PerQuery(NamedTuple):
    """The queries of one direction, in the order of its query list.

    Attributes:
        identity, camera: [q] int64, as on disk.
        first_frame: [q] key of the query's first frame.
        matches: [q] int64, right answers in the gallery.
        average_precision, inverse_negative_penalty: [q] float64 in 0..1, NaN without a match.
        first_hit: [q] int64, rank of the first right answer, 1 is best; 0 without a match.
        answers: [q] gallery positions of the first answers, as text: "17 3 250".
        right: [q] whether they are right, as text: "0 1 0".
    """

    identity: np.ndarray
    camera: np.ndarray
    first_frame: tuple[str, ...]
    matches: np.ndarray
    average_precision: np.ndarray
    inverse_negative_penalty: np.ndarray
    first_hit: np.ndarray
    answers: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def valid(self) -> np.ndarray:
        """[q] bool, queries with a match: those that count."""
        return self.matches > 0

    @property
    def cmc(self) -> np.ndarray:
        """[20] float64, share of valid queries with a hit at rank 1..20."""
        first_hit = self.first_hit[self.valid]
        return np.array([np.mean(first_hit <= depth) for depth in range(1, RANKS + 1)])

    def values(self, score: str) -> np.ndarray:
        """[q] float64, what each query contributes to a score ("R1", "R5", ..., "mAP", "mINP"); NaN without a match."""
        if score == "mAP":
            return self.average_precision
        if score == "mINP":
            return self.inverse_negative_penalty
        return np.where(self.valid, self.first_hit <= int(score.removeprefix("R")), np.nan)

    def first_answers(self, query: int, count: int = ANSWERS) -> Answers:
        """The first answers to a query, without their similarities."""
        items = np.array(self.answers[query].split(), dtype=np.int64)[:count]
        right = np.array(self.right[query].split(), dtype=np.int64)[:count] == 1
        return Answers(query, items, right, np.full(len(items), np.nan))


def per_query(data: VideoReIDData, similarity: Mapping[Direction, np.ndarray]) -> dict[Direction, PerQuery]:
    """Rank each query of every direction.

    Args:
        data: the test set.
        similarity: by direction, [q g], rows and columns in the order of the direction's queries and gallery.

    Raises:
        EvaluationError: similarities that do not fit.
    """
    found: dict[Direction, PerQuery] = {}
    for direction, matrix in similarity.items():
        pair = data.test[direction]
        chosen, options = np.arange(len(matrix)), {"same_camera_filter": data.same_camera_filter}
        ranks = rank_queries(matrix, *pair.labels, **options)
        first = top(matrix, *pair.labels, chosen=chosen, count=ANSWERS, **options)
        identity, camera = pair.query.rows
        found[direction] = PerQuery(
            identity,
            camera,
            tuple(tracklet.frames[0] for tracklet in pair.query.tracklets),
            ranks.matches,
            ranks.average_precision,
            ranks.inverse_negative_penalty,
            ranks.first_hit,
            tuple(" ".join(map(str, answers.items.tolist())) for answers in first),
            tuple(" ".join(str(int(right)) for right in answers.right) for answers in first),
        )
    return found


def write_per_query(queries: Mapping[Direction, PerQuery], path: Path) -> None:
    """Write the file described above; precisions keep all their digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for direction, asked in queries.items():
            precision, penalty = (
                ["" if np.isnan(value) else repr(value) for value in values.tolist()]
                for values in (asked.average_precision, asked.inverse_negative_penalty)
            )
            writer.writerows(
                zip(
                    [direction] * len(asked.identity),
                    range(len(asked.identity)),
                    asked.identity.tolist(),
                    asked.camera.tolist(),
                    asked.first_frame,
                    asked.matches.tolist(),
                    precision,
                    penalty,
                    asked.first_hit.tolist(),
                    asked.answers,
                    asked.right,
                    strict=True,
                )
            )


def read_per_query(path: Path) -> dict[Direction, PerQuery]:
    """Read what `write_per_query` wrote.

    Raises:
        EvaluationError: the file cannot be read or is not such a file.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from error
    if not rows or tuple(rows[0]) != _COLUMNS:
        raise EvaluationError(f"{path} begins with {rows[0] if rows else 'nothing'}, expected {','.join(_COLUMNS)}")
    try:
        return {
            direction: _columns([row for row in rows[1:] if row[0] == direction])
            for direction in DIRECTIONS
            if any(row[0] == direction for row in rows[1:])
        }
    except (ValueError, IndexError) as error:
        raise EvaluationError(f"{path} is damaged ({error}): write it again, star-evaluate --per-query") from error


def _columns(rows: list[list[str]]) -> PerQuery:
    _, query, identity, camera, first_frame, matches, precision, penalty, first_hit, answers, right = zip(
        *rows, strict=True
    )
    if query != tuple(map(str, range(len(rows)))):
        raise ValueError("queries are missing or out of order")
    return PerQuery(
        _whole(identity),
        _whole(camera),
        first_frame,
        _whole(matches),
        _real(precision),
        _real(penalty),
        _whole(first_hit),
        answers,
        right,
    )


def _whole(texts: tuple[str, ...]) -> np.ndarray:
    return np.array([int(text) for text in texts], dtype=np.int64)


def _real(texts: tuple[str, ...]) -> np.ndarray:
    return np.array([float(text) if text else np.nan for text in texts], dtype=np.float64)

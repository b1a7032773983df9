"""The queries on which a row loses and wins most against the baseline, drawn as ranked lists of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from star.errors import DataError, StarError
from star.evaluation.per_query import PerQuery
from star.report.captions import baseline_label
from star.report.queries import Queries, same_queries
from star.study.collect import Collected
from star.types import DIRECTIONS, Direction, VideoReIDData

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

OpenData = Callable[["RunRecord"], VideoReIDData]
"""The data set of a run; raises StarError where it is not on this machine."""

QUERIES, ANSWERS, FRAMES = 3, 5, 3
_LONGEST_LABEL = 14


class Drawn(NamedTuple):
    """One picture.

    Attributes:
        label: of the row.
        direction: of the queries.
        seed: of the two runs.
        better: whether these are the queries the row wins most on.
        picture: the file.
    """

    label: str
    direction: Direction
    seed: int
    better: bool
    picture: Path


def draw_hardest(
    collected: Collected, records: Mapping[str, Queries], open_data: OpenData, folder: Path
) -> tuple[list[Drawn], list[str]]:
    """Draw for every row, direction and sign the queries with the largest differences, one of each identity.

    Args:
        collected: the runs; the first seed that a row shares with the baseline is drawn.
        records: by run id.
        open_data: opens the data set of a run.
        folder: of the pictures.

    Returns:
        The pictures, and why there are none where there should be.
    """
    study = collected.study
    opened: dict[str, VideoReIDData | str] = {}
    drawn: list[Drawn] = []
    notes: list[str] = []
    for row in study.rows:
        seeds = [
            seed
            for seed, run in collected.runs[row.name].items()
            if row.name != study.baseline
            and run.run_id in records
            and (other := collected.runs[study.baseline].get(seed)) is not None
            and other.run_id in records
            and other.tags.get("data_fingerprint") == run.tags.get("data_fingerprint")
        ]
        if not seeds:
            continue
        ours, theirs = collected.runs[row.name][seeds[0]], collected.runs[study.baseline][seeds[0]]
        data = _opened(ours, open_data, opened)
        if isinstance(data, str):
            notes.append(data)
            continue
        for direction in DIRECTIONS:
            own, other = records[ours.run_id].get(direction), records[theirs.run_id].get(direction)
            if own is None or other is None or not same_queries(own, other):
                continue
            if not _fits(own, data, direction):
                notes.append(f"the data set at hand does not have the {direction} queries of run {ours.run_id}")
                continue
            for better in (False, True):
                path = folder / f"hardest_{row.name}_{direction}_{'wins' if better else 'losses'}.jpg"
                chosen = hardest(own, other, better)
                if chosen:
                    labels = (row.label, baseline_label(study))
                    _draw(data, direction, chosen, (own, other), labels, path)
                    drawn.append(Drawn(row.label, direction, seeds[0], better, path))
    return drawn, list(dict.fromkeys(notes))


def hardest(own: PerQuery, other: PerQuery, better: bool, count: int = QUERIES) -> list[int]:
    """Positions of the queries on which `own` is better, or worse, than `other` by most; one of each identity."""
    gain = np.nan_to_num(own.average_precision - other.average_precision) * (1 if better else -1)
    chosen: dict[int, int] = {}
    for query in np.argsort(-gain, kind="stable").tolist():
        if gain[query] <= 0 or len(chosen) == count:
            break
        chosen.setdefault(int(own.identity[query]), query)
    return list(chosen.values())


def _opened(run: RunRecord, open_data: OpenData, opened: dict[str, VideoReIDData | str]) -> VideoReIDData | str:
    """The data set, or why there is none; each is opened once."""
    fingerprint = run.tags.get("data_fingerprint", "")
    if fingerprint not in opened:
        try:
            data = open_data(run)
            if data.fingerprint != fingerprint:
                raise DataError(f"the data set on disk has fingerprint {data.fingerprint}, the runs had {fingerprint}")
            opened[fingerprint] = data
        except StarError as error:
            opened[fingerprint] = f"no queries are drawn: {error}"
    return opened[fingerprint]


def _fits(queries: PerQuery, data: VideoReIDData, direction: Direction) -> bool:
    pair = data.test.get(direction)
    return pair is not None and queries.first_frame == tuple(t.frames[0] for t in pair.query.tracklets)


def _draw(
    data: VideoReIDData,
    direction: Direction,
    chosen: list[int],
    records: tuple[PerQuery, PerQuery],
    labels: tuple[str, str],
    path: Path,
) -> None:
    from star.evaluation.pictures import answer_lists

    found, captions = [], []
    for query in chosen:
        for record, label in zip(records, labels, strict=True):
            found.append(record.first_answers(query, ANSWERS))
            short = label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"
            precision = 100 * record.average_precision[query]
            captions.append(f"{short}: AP {precision:.0f}, id {record.identity[query]:04d}")
    pair = data.test[direction]
    answer_lists(pair.query, pair.gallery, found, path, title="", captions=captions, frames=FRAMES)

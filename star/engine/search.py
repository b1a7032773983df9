"""`star-search` from a checked configuration, and what is told about it. No MindSpore here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from star.config.embed_command import start_seconds
from star.config.search_command import UNUSED_PROBES, SearchConfig
from star.config.skeletons_command import paths
from star.engine.progress import counting
from star.errors import ConfigError, DataError, Problem
from star.evaluation.k_reciprocal import k_reciprocal
from star.search.exact import NONE, ExactIndex, Nearest, merge
from star.search.faiss_index import FaissIndex, Recipe, build_index, require_faiss
from star.search.feature_files import read_features
from star.search.features import Features, Items, join, require_same_model
from star.search.filters import Filters, allowed, check_filters
from star.search.index_folder import is_index, read_index, write_index
from star.search.page import write_page
from star.search.results import Results, write_table
from star.words import queries, tracklets

TABLE, PAGE = "results.csv", "page.html"
_BLOCK = 65536
_MOST_RERANKED = 30_000
"""Queries and gallery items together; re-ranking keeps a matrix of both."""


class _Gallery(NamedTuple):
    """What is searched: features, an index of them, or both."""

    name: str
    items: Items
    about: Mapping[str, Any]
    values: np.ndarray | None
    index: ExactIndex | FaissIndex


def search(config: SearchConfig) -> str:
    """Search and write table and page, or build an index.

    Returns:
        Lines for the terminal.

    Raises:
        StarError: features or an index that cannot be used, filters by what is not known, no faiss.
    """
    if config.index != "exact":
        require_faiss()
    lines: list[str] = []
    asked = {str(path): read_features(path) for path in paths(config.query)}
    gallery = _gallery(config, lines)
    if not asked:
        return "\n".join(lines)
    for name, features in asked.items():
        require_same_model(name, features.about, gallery.name, gallery.about)
    query = join(asked)
    filters = Filters(
        config.camera, start_seconds(config.after), start_seconds(config.before), config.within, config.apart
    )
    check_filters(query.items, gallery.items, filters)
    begun = time.monotonic()
    nearest = _search(config, query, gallery, filters)
    seconds = time.monotonic() - begun
    results = Results(query.items, gallery.items, nearest)
    out = Path(str(config.out)).expanduser()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"results cannot be written to {out}: {error.strerror}") from error
    write_table(results, out / TABLE)
    lines += _told(results, gallery, config, seconds)
    lines.append(f"written: {out / TABLE}")
    if config.page_queries:
        facts = _facts(config, query, gallery)
        options = {"queries": config.page_queries, "answers": config.page_answers}
        number = _number(config, gallery)
        write_page(results, out / PAGE, **options, number=number, facts=facts, about=query.about)
        lines.append(f"written: {out / PAGE}")
    else:
        (out / PAGE).unlink(missing_ok=True)  # that of an earlier search
    return "\n".join(lines)


def _gallery(config: SearchConfig, lines: list[str]) -> _Gallery:
    places = paths(config.gallery)
    if len(places) == 1 and is_index(places[0]):
        stored = read_index(places[0], config.probes)
        if config.probes != UNUSED_PROBES and "ivf" not in stored.index.kind:
            expected = f"no such key beside the saved index {places[0]}, which is {stored.index.kind} and has no cells"
            raise ConfigError([Problem("probes", str(config.probes), expected)])
        return _Gallery(str(places[0]), stored.items, stored.about, None, stored.index)
    features = join({str(path): read_features(path) for path in places})
    name = ", ".join(map(str, places))
    if config.index == "exact":
        return _Gallery(name, features.items, features.about, features.values, ExactIndex(features.values))
    begun = time.monotonic()
    recipe = Recipe(config.index, config.lists, config.code_bytes, config.train)
    values = features.values
    with counting(f"building the index {config.index}", "tracklets") as show:
        index = build_index(
            len(values), features.width, lambda rows: values[rows], _blocks(values, show), recipe, config.probes
        )
    cells = ""
    if index.lists and config.index != "pq":
        cells = ", 1 cell" if index.lists == 1 else f", {index.lists:,} cells"
    lines.append(f"index {config.index} of {tracklets(len(index))}{cells}: {time.monotonic() - begun:,.1f} s")
    if config.save_index is not None:
        folder = Path(config.save_index).expanduser()
        write_index(folder, index, features.items, features.about)
        lines.append(f"written: {folder}, give it as gallery={folder}")
    return _Gallery(name, features.items, features.about, values, index)


def _blocks(values: np.ndarray, show: Any) -> Iterator[np.ndarray]:
    for first in range(0, len(values), _BLOCK):
        show(first, len(values))
        yield values[first : first + _BLOCK]
    show(len(values), len(values))


def _search(config: SearchConfig, query: Features, gallery: _Gallery, filters: Filters) -> Nearest:
    found = Nearest(
        np.full((len(query.items), config.top), NONE, np.int64),
        np.full((len(query.items), config.top), -np.inf, np.float32),
    )
    reranked = _reranked(query, gallery) if config.rerank == "k_reciprocal" else None
    values = query.values.astype(np.float32)
    done = 0
    with counting("searching", "queries") as show:
        show(0, len(values))
        for rows, items in allowed(query.items, gallery.items, filters):
            if reranked is not None:
                place = np.arange(len(gallery.items)) if items is None else np.flatnonzero(items)
                own = Nearest(found.items[rows], found.similarities[rows])
                merge(reranked[np.ix_(rows, place)], place, own)
            else:
                own = gallery.index.search(values[rows], config.top, items)
            found.items[rows], found.similarities[rows] = own
            done += len(rows)
            show(done, len(values))
    return found


def _reranked(query: Features, gallery: _Gallery) -> np.ndarray:
    """[q g] similarities after re-ranking, before any filter."""
    assert gallery.values is not None
    together = len(query.items) + len(gallery.items)
    if together > _MOST_RERANKED:
        raise DataError(
            f"rerank=k_reciprocal compares all {together:,} tracklets of queries and gallery with each other, expected "
            f"at most {_MOST_RERANKED:,}: search fewer, or give rerank=none"
        )
    return k_reciprocal(query.values, gallery.values)


def _told(results: Results, gallery: _Gallery, config: SearchConfig, seconds: float) -> list[str]:
    asked = len(results.query)
    lines = [
        f"{queries(asked)} in {tracklets(len(gallery.items))}, {gallery.index.kind}: {seconds:,.2f} s, "
        f"{asked / max(seconds, 1e-9):,.1f} queries/s"
    ]
    bare = int((results.nearest.items[:, 0] == NONE).sum())
    if bare:
        lines.append(f"{queries(bare)} {'has' if bare == 1 else 'have'} no answer that passes the filters")
    score = results.score()
    return lines if score is None else [*lines, score]


def _number(config: SearchConfig, gallery: _Gallery) -> str:
    """What the similarity of an answer is."""
    if config.rerank != "none":
        return "number of the re-ranking (1 less the re-ranked distance), which is no cosine"
    if "pq" in gallery.index.kind:
        return "cosine of the query's features and the short code that the index keeps of the answer's"
    return "cosine of their features"


def _facts(config: SearchConfig, query: Features, gallery: _Gallery) -> list[tuple[str, str]]:
    names = ", ".join(str(path) for path in paths(config.query))
    how = f"{gallery.index.kind}{', re-ranked by k-reciprocal neighbours' if config.rerank != 'none' else ''}"
    options = {"camera": config.camera if config.camera != "any" else None}
    options |= {key: getattr(config, key) for key in ("after", "before", "within", "apart")}
    filters = ", ".join(f"{key}={value}" for key, value in options.items() if value is not None)
    return [
        ("queries", f"{names}: {tracklets(len(query.items))}"),
        ("gallery", f"{gallery.name}: {tracklets(len(gallery.items))}"),
        ("search", how),
        ("filters", filters or "none"),
    ]

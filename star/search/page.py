"""Results of a search as one HTML page that needs nothing but itself: pictures are inlined, there is no script."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from star.search.features import Items
from star.search.filters import UTC
from star.search.results import Results, time_text
from star.search.strips import with_skeletons
from star.search.whole_file import whole_file
from star.words import queries as in_words


class Card(NamedTuple):
    """One tracklet on the page.

    Attributes:
        name, camera, modality, seen: of the tracklet, empty where unknown.
        picture: its strip as a data address; empty where the file of features has none.
        rank, similarity: of an answer; empty for a query.
        right: whether an answer is the query's person, None where unknown.
    """

    name: str
    camera: str
    modality: str
    seen: str
    picture: str
    rank: str = ""
    similarity: str = ""
    right: bool | None = None


class Line(NamedTuple):
    """A query with its answers."""

    query: Card
    answers: tuple[Card, ...]


def write_page(
    results: Results,
    path: Path,
    *,
    queries: int,
    answers: int,
    number: str,
    facts: Sequence[tuple[str, str]],
    about: Mapping[str, Any],
) -> None:
    """Write the page, whole or not at all.

    Args:
        results: of the search.
        path: of the page.
        queries: shown, the first ones.
        answers: shown to each.
        number: what the similarity of an answer is, as "cosine of the features".
        facts: what stands above, as name and value.
        about: of the features: which model made them.

    Raises:
        DataError: it cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("star.search"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    lines = [_line(results, row, answers) for row in range(min(queries, len(results.query)))]
    text = environment.get_template("page.html.j2").render(
        lines=lines,
        total=in_words(len(results.query)),
        left_out=len(lines) < len(results.query),
        score=results.score(),
        number=number,
        facts=facts,
        about=about,
        marked=any(card.right is not None for line in lines for card in line.answers),
        skeletons=bool(results.query.joints.shape[1] or results.gallery.joints.shape[1]),
        made=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    )
    with whole_file(path, "page") as partial:
        partial.write_text(text, encoding="utf-8")


def _line(results: Results, row: int, answers: int) -> Line:
    found = list(results.answers(row))[:answers]
    cards = [
        _card(results.gallery, item)._replace(
            rank=str(rank), similarity=f"{similarity:.3f}", right=results.is_right(row, item)
        )
        for rank, (item, similarity) in enumerate(found, 1)
    ]
    return Line(_card(results.query, row), tuple(cards))


def _card(items: Items, row: int) -> Card:
    return Card(
        name=str(items.names[row]),
        camera=str(items.cameras[row]),
        modality=str(items.modalities[row]),
        seen=_seen(str(items.clocks[row]), items.starts[row], items.ends[row]),
        picture=_picture(items, row),
    )


def _seen(clock: str, start: float, end: float) -> str:
    """From when to when, for people; empty where unknown."""
    first, last = time_text(clock, start), time_text(clock, end)
    if not first or clock != UTC:
        return f"{first} to {last} s" if first else ""
    if not ("T" in first and "T" in last):
        return f"{start:.2f} to {end:.2f} s from 1970"
    (day, begun), (other, ended) = (text.partition(".")[0].split("T") for text in (first, last))
    return f"{day} {begun} to {ended if other == day else f'{other} {ended}'} UTC"


def _picture(items: Items, row: int) -> str:
    strip = items.strips[row]
    if not strip:
        return ""
    if items.joints[row].any():
        strip = with_skeletons(strip, items.joints[row])
    return f"data:image/jpeg;base64,{base64.b64encode(strip).decode()}"

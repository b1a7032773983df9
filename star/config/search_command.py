"""Schema of the configuration of `star-search`, conf/search.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from star.config.commands import Command
from star.config.constraints import Rule
from star.config.embed_command import is_time
from star.config.schema import number
from star.config.skeletons_command import paths

UNUSED_PROBES = 32
"""What conf/search.yaml says where nobody asks for cells."""


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """conf/search.yaml."""

    query: str | list[str] | None
    gallery: str | list[str] | None
    out: str | None
    top: int = number(minimum=1, maximum=10_000)
    camera: Literal["any", "other", "same"]
    after: str | None
    before: str | None
    within: float | None = number(minimum=0)
    apart: float | None = number(minimum=0)
    index: Literal["exact", "flat", "ivf", "pq", "ivf_pq"]
    save_index: str | None
    lists: int | None = number(minimum=1)
    probes: int = number(minimum=1)
    code_bytes: int = number(minimum=1)
    train: int = number(minimum=1)
    rerank: Literal["none", "k_reciprocal"]
    page_queries: int = number(minimum=0)
    page_answers: int = number(minimum=1)


COMMAND = Command(
    program="star-search",
    description="for every tracklet of the queries the most similar ones of a gallery, as a table and a page.",
    config_name="search",
    examples=(
        "query=night.npz gallery=day.npz out=found",
        "query=night.npz gallery=[day.npz,yard.npz] out=found camera=other within=600",
        "gallery=city.parquet index=ivf_pq save_index=city.index",
        "query=night.npz gallery=city.index out=found probes=64",
    ),
)


def _exist(given: str | list[str] | None) -> bool:
    return all(path.exists() for path in paths(given))


def saved_index(given: str | list[str] | None) -> Path | None:
    """The folder of a saved index among these; None if all are files."""
    return next((path for path in paths(given) if path.is_dir()), None)


def _only(key: str, unused: object, kinds: tuple[str, ...], what: str) -> Rule:
    """A key that only an index to build of some kinds reads, or, of `probes`, a saved one too."""

    def holds(config: SearchConfig) -> bool:
        searched = key == "probes" and saved_index(config.gallery) is not None
        return getattr(config, key) == unused or searched or config.index in kinds

    words = f"index={', '.join(kinds[:-1])} or {kinds[-1]} beside it: {what}"
    return Rule(key, holds, lambda c: f"{'null' if unused is None else unused}, or {words}")


RULES = (
    Rule("gallery", lambda c: bool(c.gallery), lambda c: "files of star-embed or a saved index (gallery=FILE)"),
    Rule("gallery", lambda c: _exist(c.gallery), lambda c: "existing files, or the folder of a saved index"),
    Rule("query",
         lambda c: bool(c.query) or c.save_index is not None,
         lambda c: "files of star-embed (query=FILE)"),
    Rule("query", lambda c: _exist(c.query), lambda c: "existing files"),
    Rule("out", lambda c: not c.query or c.out is not None, lambda c: "a folder for the results (out=FOLDER)"),
    Rule("out",
         lambda c: c.out is None or not Path(c.out).expanduser().is_file(),
         lambda c: "a folder, not a file"),
    Rule("save_index",
         lambda c: c.save_index is None or c.index != "exact",
         lambda c: "null, or index=flat, ivf, pq or ivf_pq: an exact search keeps no index"),
    Rule("rerank",
         lambda c: c.rerank == "none" or c.index == "exact",
         lambda c: "none, or index=exact: re-ranking compares all features with each other"),
    Rule("rerank",
         lambda c: c.rerank == "none" or saved_index(c.gallery) is None,
         lambda c: "none, or files of star-embed as gallery: re-ranking needs the features of the gallery, and the "
         f"saved index {saved_index(c.gallery)} has none"),
    Rule("index",
         lambda c: c.index == "exact" or saved_index(c.gallery) is None,
         lambda c: f"no such key beside the saved index {saved_index(c.gallery)}, which is searched as it was built"),
    _only("lists", None, ("ivf", "ivf_pq"), "others have no cells"),
    _only("probes", UNUSED_PROBES, ("ivf", "ivf_pq"), "others have no cells"),
    _only("code_bytes", 64, ("pq", "ivf_pq"), "others have no codes"),
    _only("train", 200_000, ("ivf", "pq", "ivf_pq"), "others learn nothing"),
    Rule("after", lambda c: is_time(c.after), lambda c: "a time such as 2024-05-31T14:00:00+02:00"),
    Rule("before", lambda c: is_time(c.before), lambda c: "a time such as 2024-05-31T14:00:00+02:00"),
    Rule("apart",
         lambda c: c.apart is None or c.within is None or c.apart <= c.within,
         lambda c: f"at most within={c.within}"),
)  # fmt: skip

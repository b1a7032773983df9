"""A study as one HTML page that needs nothing but itself: pictures are inlined, there is no script."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from star.report import captions, markdown
from star.report.differences import Difference
from star.report.hardest import Drawn
from star.report.queries import SingleRun
from star.report.statistics import Resample
from star.report.table import Table
from star.study.collect import Collected
from star.study.study import multirun_command
from star.tracking.interface import run_address

_SHORT = 8


class Pictures(NamedTuple):
    """Files of the figures; None or empty where there was nothing to draw.

    Attributes:
        cmc, training: over all rows.
        scatter: by row label.
        hardest: ranked lists.
    """

    cmc: Path | None = None
    training: Path | None = None
    scatter: tuple[tuple[str, Path], ...] = ()
    hardest: tuple[Drawn, ...] = ()


class Background(NamedTuple):
    """What stands behind the scores.

    Attributes:
        labels: of the rows that have runs, in the order of the values of `settings`.
        settings: keys in which these rows differ.
        provenance: ids of the runs by fact and value.
        notes: of the whole report.
        complaints: why parts of the page are missing, by part: "cmc", "training", "scatter", "hardest", "settings".
        interface: address of MLflow's interface; None makes no links.
    """

    labels: tuple[str, ...]
    settings: Sequence[Difference]
    provenance: dict[str, dict[str, list[str]]]
    notes: Sequence[str]
    complaints: dict[str, str]
    interface: str | None


def render_page(
    collected: Collected,
    final: Table,
    best: Table,
    singles: list[SingleRun],
    resample: Resample,
    pictures: Pictures,
    background: Background,
) -> str:
    """The page as HTML.

    Args:
        collected: the runs.
        final, best: tables of the last epoch and of the best epoch on the test set.
        singles: the runs one by one.
        resample: what their bootstrap draws.
        pictures: files, read and inlined.
        background: everything else.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("star.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"inline": _inline, "short": lambda run_id: run_id[:_SHORT], "numeric": _numeric}
    study = collected.study
    interface = background.interface and background.interface.rstrip("/")
    experiments = {run.run_id: run.experiment_id for _, _, run in collected.all}
    return environment.get_template("page.html.j2").render(
        collected=collected,
        study=study,
        captions=captions,
        made=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        scores=markdown.scores(final),
        run_ids=[line.run_ids for line in final.lines],
        main_caption=captions.main_caption(collected),
        over_seeds=markdown.over_seeds(study, final),
        seeds_caption=captions.seeds_caption(study, final),
        over_queries=markdown.over_queries(study, singles),
        singles=singles,
        queries_caption=captions.queries_caption(study, singles, resample),
        published=markdown.published(study),
        best=markdown.scores(best) if best.columns else [],
        runs=markdown.runs(collected),
        missing=[line.removeprefix("- ") for line in markdown.missing(collected).splitlines()],
        command=multirun_command(study),
        report_command=f"star-report {study.arguments}",
        pictures=pictures,
        background=background,
        link=lambda run_id: run_address(interface, run_id, experiments.get(run_id)) if interface else None,
        everybody=len(collected.all),
    )


def _numeric(rows: list[list[str]]) -> list[bool]:
    return markdown.numeric_columns(rows)


def _inline(path: Path) -> str:
    """A PNG or JPEG file as a data address."""
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"

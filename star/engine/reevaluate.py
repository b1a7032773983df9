"""Ranking the test set again with a run's own configuration and weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from star.config.stored_run import run_folder
from star.engine.load_run import load_run
from star.evaluation.per_query import PER_QUERY_FILE, per_query, write_per_query

if TYPE_CHECKING:
    from star.engine.build_network import MakeEmbedders


def evaluate_run(
    run: str,
    overrides: Sequence[str] = (),
    label: Literal["last", "best"] = "last",
    *,
    record: bool = False,
    views: int = 0,
    exported: MakeEmbedders | None = None,
) -> str:
    """Rank with a run's model and compare with the scores in its checkpoint.

    Args:
        run: run id or run folder.
        overrides: on top of the run's configuration, e.g. another `dataset.root`.
        label: which checkpoint.
        record: also write what each query found, `per_query.csv` ("last") or `per_query_best.csv`, into the run's
            folder and its artifacts; only if the scores are those the run had.
        views: of how many clips to draw the attention and the pooling weights, into `views` ("last") or `views_best` in
            the run's folder, and into its artifacts if the scores are those the run had.
        exported: as `star.engine.build_network.embedders_of` takes it.

    Returns:
        The scores as text, and whether they are those the run had. With an override `reranking=KIND` the re-ranked ones
        as well, which are added to the run's metrics if the plain ones of its last epoch are those it had.

    Raises:
        ConfigError: no such run, or an override that does not fit.
        DataError: the data set cannot be read.
        CheckpointError: the checkpoint is damaged or of another network.
        EvaluationError: a view cannot be written.
        TrackingError: files or metrics cannot be added to the run.
    """
    loaded = load_run(run_folder(run), overrides, label, exported=exported)
    from star.engine.draw_views import NOTHING_TO_DRAW, draw_views
    from star.engine.results import chance_levels, describe, describe_reranked

    folder, data, state = loaded.folder, loaded.data, loaded.state
    evaluation = loaded.evaluate()
    different = loaded.differences(evaluation.metrics())
    lines = [f"{folder}, checkpoint {label}: epoch {state['epoch']}, step {state['step']}; {data.protocol}"]
    lines += describe(evaluation.scores, chance_levels(data))
    if different:
        shown = ", ".join(f"{name} {now:.4f} (run {then:.4f})" for name, (now, then) in different.items())
        lines.append(f"NOT the scores of the run: {shown}")
    else:
        lines.append("identical to the scores of the run")
    if evaluation.reranked:
        lines += describe_reranked(evaluation.reranked)
        metrics = {f"final/{name}": value for name, value in evaluation.reranked.metrics().items()}
        if label == "last" and not different and loaded.add_metrics(metrics, evaluation.reranked.tags()):
            kind, options = evaluation.reranked.kind, evaluation.reranked.options
            lines.append(f"added to the metrics of the run: final/*_{kind} ({options})")
    if record and not different:
        path = folder / (PER_QUERY_FILE if label == "last" else f"{Path(PER_QUERY_FILE).stem}_{label}.csv")
        write_per_query(per_query(data, evaluation.similarity), path)
        lines.append(f"written: {path}")
        loaded.add_artifacts([path])
    elif record:
        lines.append(f"{PER_QUERY_FILE} is not written: it would not be the record of this run")
    if views:
        name = "views" if label == "last" else f"views_{label}"
        drawn = draw_views(loaded.config, loaded.model, data, views, folder / name)
        lines += [f"view: {path}" for path in drawn] or [NOTHING_TO_DRAW]
        if not different:
            loaded.add_artifacts(drawn, name)
    return "\n".join(lines)

"""Ranking the test set again with a run's own configuration and weights."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from star.config.check import check_config
from star.config.paths import outputs_folder
from star.config.schema import Config
from star.config.stored import run_folder, stored_config
from star.engine.build_data import load_data
from star.engine.checkpoint import load_checkpoint
from star.evaluation.per_query import PER_QUERY_FILE, per_query, write_per_query
from star.tracking.artifacts import add_artifact
from star.tracking.store import store_uri

logger = logging.getLogger(__name__)

_SAME = "identical to the scores of the run"


def evaluate_run(
    run: str,
    overrides: Sequence[str] = (),
    label: Literal["last", "best"] = "last",
    *,
    record: bool = False,
    views: int = 0,
) -> str:
    """Rank with a run's model and compare with the scores in its checkpoint.

    The checkpoint has all weights, so the pretrained ones the run began with are not needed.

    Args:
        run: run id or run folder.
        overrides: on top of the run's configuration, e.g. another `dataset.root`.
        label: which checkpoint.
        record: also write what each query found, `per_query.csv` ("last") or `per_query_best.csv`, into the run's
            folder and its artifacts; only if the scores are those the run had.
        views: of how many clips to draw the attention and the pooling weights, into `views` ("last") or `views_best` in
            the run's folder, and into its artifacts if the scores are those the run had.

    Returns:
        The scores as text, and whether they are those the run had.

    Raises:
        ConfigError: no such run, or an override that does not fit.
        CheckpointError: the checkpoint is damaged or of another network.
        EvaluationError: a view cannot be written.
        TrackingError: the files cannot be added to the run's artifacts.
    """
    folder = run_folder(run)
    config = check_config(stored_config(folder, ["backbone.pretrained=null", *overrides]))
    data = load_data(config)
    tensors, state = load_checkpoint(folder / "checkpoints", label)
    from star.engine.build_network import build_evaluation, build_model
    from star.engine.draw_views import NOTHING_TO_DRAW, draw_views
    from star.engine.hardware import select_device
    from star.engine.results import chance_levels, describe
    from star.engine.train_state import NetworkState

    select_device(config.hardware)
    model = build_model(config, identities=len(data.train.identities))
    NetworkState(model).restore(tensors)
    evaluation = build_evaluation(config, model, data)()
    lines = [f"{folder}, checkpoint {label}: epoch {state['epoch']}, step {state['step']}; {data.protocol}"]
    lines += describe(evaluation.scores, chance_levels(data))
    comparison = _comparison(evaluation.metrics(), state["scores"])
    lines.append(comparison)
    same = comparison == _SAME
    if record and same:
        path = folder / (PER_QUERY_FILE if label == "last" else f"{Path(PER_QUERY_FILE).stem}_{label}.csv")
        write_per_query(per_query(data, evaluation.similarity), path)
        lines.append(f"written: {path}")
        _add_artifacts(config, folder, [path])
    elif record:
        lines.append(f"{PER_QUERY_FILE} is not written: it would not be the record of this run")
    if views:
        name = "views" if label == "last" else f"views_{label}"
        drawn = draw_views(config, model, data, views, folder / name)
        lines += [f"view: {path}" for path in drawn] or [NOTHING_TO_DRAW]
        if same:
            _add_artifacts(config, folder, drawn, name)
    return "\n".join(lines)


def _add_artifacts(config: Config, folder: Path, paths: Sequence[Path], name: str = "") -> None:
    """Files of a run's folder to its artifacts, if the run is in a store."""
    if config.tracker.kind != "mlflow":
        return
    run_id = json.loads((folder / "run.json").read_text())["run_id"]
    for path in paths:
        add_artifact(store_uri(config.tracker.uri, outputs_folder()), run_id, path, name)


def _comparison(scores: dict[str, float], before: dict[str, float]) -> str:
    different = {name: (value, before[name]) for name, value in scores.items() if before.get(name) != value}
    if not different:
        return _SAME
    shown = ", ".join(f"{name} {now:.4f} (run {then:.4f})" for name, (now, then) in different.items())
    return f"NOT the scores of the run: {shown}"

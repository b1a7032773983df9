"""The parent of a sweep or study: it lasts until the last of its runs ends, and has their best and mean scores.

Hydra tells nobody when a sweep with a failed job ends. So each run that ends, also one whose end is sent later, brings
its parent up to date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from star.types import DIRECTIONS

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARENT_TAG = "mlflow.parentRunId"
SCORES = tuple(f"{direction}/{score}" for direction in DIRECTIONS for score in ("R1", "mAP"))
_PAGE = 1000


def update_parent(mlflow_client: MlflowClient, run_id: str) -> None:
    """Let the parent of a run that has ended last until now; nothing for a run without one.

    Its metrics are `runs`, `runs_finished`, and `best/<score>` and `mean/<score>` over the finished ones.
    """
    from mlflow.entities import Metric

    run = mlflow_client.get_run(run_id)
    parent = run.data.tags.get(PARENT_TAG)
    if parent is None:
        return
    children, token = [], None
    while token != "":
        condition = f"tags.`{PARENT_TAG}` = '{parent}'"
        page = mlflow_client.search_runs([run.info.experiment_id], condition, max_results=_PAGE, page_token=token)
        children += page
        token = page.token or ""
    finished = [child for child in children if child.info.status == "FINISHED"]
    numbers: dict[str, float] = {"runs": len(children), "runs_finished": len(finished)}
    for score in SCORES:
        values = [v for child in finished if (v := child.data.metrics.get(f"final/{score}")) is not None]
        if values:
            numbers |= {f"best/{score}": max(values), f"mean/{score}": sum(values) / len(values)}
    last = max(child.info.end_time or 0 for child in children)
    points = [Metric(key, float(value), last, len(finished)) for key, value in numbers.items()]
    mlflow_client.log_batch(parent, metrics=points)
    mlflow_client.set_terminated(parent, "FINISHED", end_time=last)


def delete_if_childless(mlflow_client: MlflowClient, parent: str) -> None:
    """Delete a parent without runs; MLflow keeps what is deleted until its garbage collection."""
    experiment = mlflow_client.get_run(parent).info.experiment_id
    if not mlflow_client.search_runs([experiment], f"tags.`{PARENT_TAG}` = '{parent}'", max_results=1):
        mlflow_client.delete_run(parent)

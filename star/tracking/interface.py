"""MLflow's interface: a view that shows runs and scores at first sight, and the addresses that open with it.

The interface keeps views of the table as tags of the experiment. Without `workflowType` in the address it shows what is
for language models.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from star.tracking.parent import SCORES

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

logger = logging.getLogger(__name__)

VIEW = "star-scores"
_FINAL = [f"metrics.`final/{score}`" for score in SCORES]
_COLUMNS = {
    **dict.fromkeys(_FINAL, 110),
    "tags.`overrides`": 300,
    "attributes.`Dataset`": 190,
    "attributes.`Models`": 150,
}
"""Columns of the view with their widths, in this order."""
_STATE = {
    "searchFilter": "tags.kind = 'train'",
    "orderByKey": "metrics.`final/i2v/mAP`",
    "orderByAsc": False,
    "selectedColumns": list(_COLUMNS),
    "columnOrder": list(_COLUMNS),
    "columnWidths": _COLUMNS,
}
"""All training runs in one table without their parents, the best first."""
_ABOUT = {"name": "Scores of all runs", "createdAt": 0, "updatedAt": 0, "state": json.dumps(_STATE)}
TAGS = {f"mlflow.sharedViewState.{VIEW}": json.dumps(_ABOUT)}
"""Of an experiment."""


def prepare_interface(mlflow_client: MlflowClient, experiment: Experiment) -> None:
    """Give an experiment the view if it lacks it, as far as the server lets this user."""
    from mlflow.exceptions import MlflowException

    for key, value in TAGS.items():
        if key not in experiment.tags:
            try:
                mlflow_client.set_experiment_tag(experiment.experiment_id, key, value)
            except MlflowException as error:
                logger.debug("the experiment %s keeps its tags: %s", experiment.name, error)


def run_address(server: str, run_id: str, experiment_id: str | None) -> str:
    """The page of a run; without its experiment the interface opens it among what is for language models."""
    if experiment_id is None:
        return f"{server}/#/runs/{run_id}"
    return f"{server}/#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"


def addresses(server: str, experiment_id: str) -> dict[str, str]:
    """Where to look, by what is seen there."""
    about = {"workflowType": "machine_learning", "viewStateShareKey": VIEW}
    runs = f"{server}/#/experiments/{experiment_id}/runs?"
    return {
        "runs by score": runs + urlencode(about),
        "charts": runs + urlencode({**about, "compareRunsMode": "CHART"}),
        "models": f"{server}/#/experiments/{experiment_id}/models?{urlencode({'workflowType': 'machine_learning'})}",
    }

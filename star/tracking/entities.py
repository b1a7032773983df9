"""What MLflow keeps beside numbers and files: the data set of a run as its input, checkpoints as its models."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from star.tracking.spool import Event

_DIGEST = 12
"""Characters of a data set's digest that are shown, and tell it from others."""
_NOT_IN_MODEL_NAMES = re.compile(r"""[/:.%"']""")


def send_dataset(mlflow_client: MlflowClient, run_id: str, event: Event) -> None:
    """Make a data set the input of a run; once more changes nothing.

    Args:
        mlflow_client: of the store.
        run_id: of the run.
        event: of `RunRecorder.log_dataset`.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=event["name"],
        digest=event["digest"][:_DIGEST],
        source_type="local",
        source=json.dumps({"uri": event["source"]}),
        profile=json.dumps(event["about"]),
    )
    mlflow_client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training and test")])])


def send_model(mlflow_client: MlflowClient, run_id: str, event: Event) -> None:
    """Make a checkpoint, which stays where it is, a model of a run; sent once more it is found again.

    Args:
        mlflow_client: of the store.
        run_id: of the run.
        event: of `RunRecorder.log_model`.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric

    run = mlflow_client.get_run(run_id)
    name = _NOT_IN_MODEL_NAMES.sub("_", f"{run.info.run_name}-{event['name']}")
    of_run = mlflow_client.search_logged_models(
        [run.info.experiment_id], f"name = '{name}' AND source_run_id = '{run_id}'", max_results=1
    )
    model = of_run[0] if of_run else mlflow_client.create_logged_model(run.info.experiment_id, name, run_id)
    mlflow_client.set_logged_model_tags(model.model_id, event["tags"])
    points = (mlflow_client.get_metric_history(run_id, key)[-1:] for key in event["scores"])
    scores = [
        Metric(m.key, m.value, m.timestamp, m.step, model.model_id, run_id=run_id) for found in points for m in found
    ]
    mlflow_client.log_batch(run_id, metrics=scores)
    outputs = run.outputs.model_outputs if run.outputs else []
    if model.model_id not in {output.model_id for output in outputs}:
        mlflow_client.log_outputs(run_id, [LoggedModelOutput(model.model_id, event["step"])])
    mlflow_client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)

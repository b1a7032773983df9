"""One parent run that the runs of a sweep, or of a study, are nested under."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from star.errors import StarError, TrackingError
from star.tracking.names import clean_tags
from star.tracking.parent import delete_if_childless
from star.tracking.runs import study_parents
from star.tracking.store import client, prepare_store, shown, store_uri, translated

logger = logging.getLogger(__name__)

PARENT_VARIABLE = "STAR_PARENT_RUN"
STUDY_VARIABLE = "STAR_STUDY_RUN"
"""Set by `star-study`: the parent of a study, which its sweeps use instead of one each."""


def parent_run() -> str | None:
    """Id of the sweep's parent run, in every process of the sweep; None outside a sweep."""
    return os.environ.get(PARENT_VARIABLE) or None


class SweepCallback(Callback):
    """Creates the store, the experiment and the parent run once, before any job starts.

    The parent is ended at once (Hydra tells nobody when a sweep with a failed job ends); its id reaches the jobs, also
    those in other processes, through the environment.

    Args:
        outputs: the project's output folder.
    """

    def __init__(self, outputs: str | Path):
        self._outputs = Path(outputs)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Open the sweep in the store; a store that cannot be used ends the sweep before any job.

        Runs that are resumed keep the parent they have.
        """
        os.environ.pop(PARENT_VARIABLE, None)
        continues = any(override.startswith("resume=") for override in config.hydra.overrides.task)
        if OmegaConf.select(config, "tracker.kind") != "mlflow" or (continues and STUDY_VARIABLE not in os.environ):
            return
        try:
            os.environ[PARENT_VARIABLE] = os.environ.get(STUDY_VARIABLE) or self._create_parent(config)
        except StarError as error:
            # Hydra turns an Exception of a callback into a warning and goes on with the jobs.
            raise SystemExit(f"error: {error}") from error

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Forget the parent: a later run in this process is not part of the sweep.

        Where all jobs were finished before it has no runs, and is deleted.
        """
        parent = os.environ.pop(PARENT_VARIABLE, None)
        if parent is not None and parent != os.environ.get(STUDY_VARIABLE):
            uri = store_uri(config.tracker.uri, self._outputs)
            with suppress(TrackingError), translated(uri):
                delete_if_childless(client(uri), parent)

    def _create_parent(self, config: DictConfig) -> str:
        uri = store_uri(config.tracker.uri, self._outputs)
        study = str(OmegaConf.select(config, "study"))
        tags = {"overrides": " ".join(config.hydra.overrides.task), "mlflow.source.name": "star-train"}
        return _create(uri, config.tracker.experiment, study, f"{study} sweep", tags)


def study_parent(uri: str, experiment: str, study: str) -> str:
    """Id of the run that all runs of a study are nested under; the newest if there are several, made if there is none.

    Args:
        uri: absolute address of the store.
        experiment: MLflow experiment, made if missing.
        study: the tag `study` of its runs.

    Raises:
        TrackingError: the store cannot be used.
    """
    prepare_store(uri, experiment)
    found = study_parents(uri, study)
    return found[-1].run_id if found else _create(uri, experiment, study, study, {"mlflow.source.name": "star-study"})


def _create(uri: str, experiment: str, study: str, name: str, tags: dict[str, str]) -> str:
    experiment_id = prepare_store(uri, experiment)
    with translated(uri):
        mlflow_client = client(uri)
        all_tags = clean_tags({"kind": "sweep", "study": study, **tags})
        run = mlflow_client.create_run(experiment_id, run_name=name, tags=all_tags)
        mlflow_client.set_terminated(run.info.run_id, "FINISHED")
    logger.debug("the parent of %s is run %s of %s", study, run.info.run_id, shown(uri))
    return run.info.run_id

"""A stored run, ready to rank the test set: its configuration, its data and its network with a checkpoint's weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from star.config.check import check_config
from star.config.paths import outputs_folder
from star.config.schema import Config
from star.config.stored_run import RUN_FILE, read_record, stored_config
from star.data.corruption import Corruption
from star.engine.build_data import load_data
from star.engine.checkpoint import load_checkpoint
from star.errors import TrackingError
from star.tracking.artifacts import add_artifact, add_metrics
from star.tracking.store import store_uri
from star.types import Modality, VideoReIDData

if TYPE_CHECKING:
    from star.engine.build_network import MakeEmbedders
    from star.evaluation.evaluator import Evaluation
    from star.models.network import Network


class LoadedRun(NamedTuple):
    """A run whose network can be used.

    Attributes:
        folder: of the run.
        config: checked; with the overrides it was loaded with.
        data: its data set.
        model: with the weights of the checkpoint.
        present: gives what embeds the clips of each modality.
        state: of the checkpoint: `epoch`, `step`, `scores` and more.
    """

    folder: Path
    config: Config
    data: VideoReIDData
    model: Network
    present: Callable[[], Mapping[Modality, Callable]]
    state: Mapping[str, Any]

    def evaluate(self, corruption: Corruption | None = None) -> Evaluation:
        """Rank the test set, and re-rank it where the configuration asks for it.

        Args:
            corruption: of the clips; None: as the run's configuration has it.
        """
        from star.engine.build_network import build_evaluation
        from star.engine.rerank import build_reranking

        config = self.config if corruption is None else with_corruption(self.config, corruption)
        evaluation = build_evaluation(config, self.model, self.data, self.present)()
        return build_reranking(config, self.model, self.data, self.present)(evaluation)

    def differences(self, scores: Mapping[str, float]) -> dict[str, tuple[float, float]]:
        """The scores that are not those the run had when it wrote the checkpoint: now and then, by name.

        Scores that did not exist then are passed over.
        """
        then = self.state["scores"]
        return {name: (value, then[name]) for name, value in scores.items() if name in then and then[name] != value}

    def add_artifacts(self, paths: Sequence[Path], into: str = "", *, uri: str | None = None) -> None:
        """Copy files to the run's artifacts, if the run is in a store.

        Args:
            paths: of the files.
            into: folder of the artifacts; the top one by default.
            uri: of the store; None: the one the run names.

        Raises:
            TrackingError: the store cannot be written, or does not have the run.
        """
        if run_id := self._tracked():
            for path in paths:
                add_artifact(uri or self._store(), run_id, path, into)

    def add_metrics(self, metrics: Mapping[str, float], tags: Mapping[str, str]) -> bool:
        """Record metrics beside those of the run's last step, and tags; False for a run that is in no store.

        Raises:
            TrackingError: the store cannot be written, or does not have the run.
        """
        run_id = self._tracked()
        if run_id:
            add_metrics(self._store(), run_id, metrics, self.state["step"], tags)
        return run_id is not None

    def _tracked(self) -> str | None:
        """The run's id; None if it is in no store."""
        if self.config.tracker.kind != "mlflow":
            return None
        run_id = read_record(self.folder).get("run_id")
        if run_id is None:
            raise TrackingError(f"{self.folder / RUN_FILE} names no run, expected run_id: its store cannot be told")
        return str(run_id)

    def _store(self) -> str:
        return store_uri(self.config.tracker.uri, outputs_folder())


def load_run(
    folder: Path,
    overrides: Sequence[str] = (),
    checkpoint: Literal["last", "best"] = "last",
    *,
    corruption: Corruption | None = None,
    exported: MakeEmbedders | None = None,
) -> LoadedRun:
    """Read a run's data set and build its network.

    A checkpoint has all weights, so the pretrained ones the run began with are not needed.

    Args:
        folder: of the run.
        overrides: on top of the run's configuration, e.g. another `dataset.root`.
        checkpoint: which of the run's checkpoints.
        corruption: of the test clips, instead of the run's.
        exported: as `star.engine.build_network.embedders_of` takes it.

    Raises:
        ConfigError: the folder has no configuration, or an override does not fit.
        DataError: the data set cannot be read.
        CheckpointError: the checkpoint is missing, damaged or of another network.
    """
    config = check_config(stored_config(folder, ["backbone.pretrained=null", *overrides]))
    if corruption is not None:
        config = with_corruption(config, corruption)
    data = load_data(config)
    tensors, state = load_checkpoint(folder / "checkpoints", checkpoint)
    from star.engine.build_network import build_model, embedders_of
    from star.engine.hardware import select_device
    from star.engine.train_state import NetworkState

    select_device(config.hardware)
    model = build_model(config, identities=len(data.train.identities))
    NetworkState(model).restore(tensors)
    return LoadedRun(folder, config, data, model, embedders_of(config, model, exported), state)


def with_corruption(config: Config, corruption: Corruption) -> Config:
    """The configuration with other corruption of the test clips."""
    return replace(config, dataset=replace(config.dataset, corruption=corruption))

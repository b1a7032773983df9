"""Ranking the test set with one run's network on clips corrupted to several levels; compiled once for all of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from star.config.check import check_config
from star.config.network import reads_joints
from star.config.paths import outputs_folder
from star.config.schema import Config
from star.config.schema import Corruption as CorruptionConfig
from star.config.stored import stored_config
from star.data.corruption import Corruption
from star.engine.build_data import corrupted, load_data
from star.engine.checkpoint import load_checkpoint
from star.evaluation.robustness import (
    NOTHING,
    ROBUSTNESS_FILE,
    Level,
    Measured,
    Robustness,
    checkpoint_digest,
    levels_to_measure,
    read_robustness,
    write_robustness,
)
from star.tracking.artifacts import add_artifact
from star.tracking.fingerprint import code_digest
from star.tracking.store import store_uri
from star.types import DIRECTIONS

logger = logging.getLogger(__name__)

_loader_log = logging.getLogger("star.data.loader")


def measure_robustness(
    folder: Path, levels: Sequence[Level], overrides: Sequence[str] = (), *, uri: str | None = None
) -> None:
    """Measure what is missing, write it after every level, and add the record to the run's artifacts.

    A network that reads no skeletons has its clean scores at every level of a corruption of the joints alone; they are
    copied, not measured.

    Args:
        folder: of a finished run.
        levels: the clean one is always measured, too.
        overrides: on top of the run's configuration, e.g. another `dataset.root`.
        uri: of the store with the run; None: the one the run names.

    Raises:
        ConfigError: an override does not fit.
        CheckpointError: the checkpoint is damaged or of another network.
        DataError: the data set cannot be read.
        EvaluationError: the run's record is damaged.
    """
    missing = levels_to_measure(folder, levels)
    if not missing:
        return
    config = _with(check_config(stored_config(folder, ["backbone.pretrained=null", *overrides])), Corruption())
    data = load_data(config)
    tensors, state = load_checkpoint(folder / "checkpoints", "last")
    from star.engine.build_network import build_embedders, build_evaluation, build_model
    from star.engine.hardware import select_device
    from star.engine.results import chance_levels
    from star.engine.train_state import NetworkState

    select_device(config.hardware)
    model = build_model(config, identities=len(data.train.identities))
    NetworkState(model).restore(tensors)
    embedders = build_embedders(config, model)
    chance = {f"{d}/{name}": value for d, scores in chance_levels(data).items() for name, value in scores.items()}
    path, digest = folder / ROBUSTNESS_FILE, str(checkpoint_digest(folder))
    try:
        for number, level in enumerate(missing):
            _loader_log.setLevel(
                logging.ERROR if number else logging.NOTSET
            )  # what is wrong with the data is said once
            found = _known(path, digest, chance)
            copied = level.kind.startswith("joint_") and not reads_joints(config)
            if copied:
                scores = found.measured[NOTHING].scores
            else:
                harder = _with(config, level.corruption)
                scores = build_evaluation(harder, model, data, embedders)().metrics()
            if level == NOTHING:
                _compare(folder, scores, state["scores"])
            measured = Measured(scores, corrupted(data, level.corruption).protocol, code_digest())
            write_robustness(path, found._replace(measured={**found.measured, level: measured}))
            shown = "  ".join(f"{direction} mAP {scores[f'{direction}/mAP']:.2f}" for direction in DIRECTIONS)
            logger.info("%s: %s%s", level, shown, " (as clean: this network reads no skeletons)" if copied else "")
    finally:
        _loader_log.setLevel(logging.NOTSET)
        if config.tracker.kind == "mlflow" and path.is_file():
            run_id = json.loads((folder / "run.json").read_text())["run_id"]
            add_artifact(uri or store_uri(config.tracker.uri, outputs_folder()), run_id, path)


def _known(path: Path, digest: str, chance: dict[str, float]) -> Robustness:
    """The record as it is now: another process may have added to it."""
    found = read_robustness(path) if path.is_file() else None
    return Robustness(digest, chance, {}) if found is None or found.checkpoint != digest else found


def _with(config: Config, corruption: Corruption) -> Config:
    options = CorruptionConfig(**corruption._asdict())
    return replace(config, dataset=replace(config.dataset, corruption=options))


def _compare(folder: Path, scores: Mapping[str, float], before: dict[str, float]) -> None:
    different = [name for name, value in scores.items() if before.get(name) != value]
    if different:
        logger.warning("%s: the clean scores are NOT those of the run in %s", folder, ", ".join(different))

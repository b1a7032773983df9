"""Ranking the test set with one run's network on clips corrupted to several levels; compiled once for all of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from star.config.network_slots import reads_joints
from star.engine.build_data import corrupted
from star.engine.load_run import load_run
from star.evaluation.robustness_record import (
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
from star.tracking.fingerprint import code_digest
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
    loaded = load_run(folder, overrides, corruption=NOTHING.corruption)
    from star.engine.results import chance_levels

    chance = {
        f"{d}/{name}": value for d, scores in chance_levels(loaded.data).items() for name, value in scores.items()
    }
    path, digest = folder / ROBUSTNESS_FILE, str(checkpoint_digest(folder))
    try:
        for level in missing:
            found = _known(path, digest, chance)
            copied = level.kind.startswith("joint_") and not reads_joints(loaded.config)
            scores = found.measured[NOTHING].scores if copied else loaded.evaluate(level.corruption).metrics()
            if level == NOTHING and (different := loaded.differences(scores)):
                logger.warning("%s: the clean scores are NOT those of the run in %s", folder, ", ".join(different))
            measured = Measured(scores, corrupted(loaded.data, level.corruption).protocol, code_digest())
            write_robustness(path, found._replace(measured={**found.measured, level: measured}))
            shown = "  ".join(f"{direction} mAP {scores[f'{direction}/mAP']:.2f}" for direction in DIRECTIONS)
            logger.info("%s: %s%s", level, shown, " (as clean: this network reads no skeletons)" if copied else "")
            _loader_log.setLevel(logging.ERROR)  # what is wrong with the data is said once
    finally:
        _loader_log.setLevel(logging.NOTSET)
        if path.is_file():
            loaded.add_artifacts([path], uri=uri)


def _known(path: Path, digest: str, chance: dict[str, float]) -> Robustness:
    """The record as it is now: another process may have added to it."""
    found = read_robustness(path) if path.is_file() else None
    return Robustness(digest, chance, {}) if found is None or found.checkpoint != digest else found

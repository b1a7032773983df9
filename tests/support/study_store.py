"""A study in an MLflow store as training would leave it: the project's tracker, names and folders, invented numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from star.config.check import check_overrides
from star.engine.params import run_params
from star.evaluation.pictures import cmc_curve
from star.tracking.mlflow_tracker import open_run
from star.tracking.store import store_uri
from star.tracking.sweep import study_parent
from star.types import DIRECTIONS, Direction, Scores

EPOCHS, STEPS = 12, 10
_FINAL = {"baseline": {"i2v": 31.0, "v2i": 33.0}, "star": {"i2v": 36.0, "v2i": 37.5}}


def write_study(outputs: Path, study: str, seeds: int) -> str:
    """Write runs of `baseline` and `star` for seeds 0, 1, ... under the study's parent, none of them trained.

    Returns:
        The id of the parent.
    """
    parent = study_parent(store_uri(None, outputs), "star", study)
    for number, experiment in enumerate(_FINAL):
        for seed in range(seeds):
            _write_run(outputs, study, experiment, seed, parent, np.random.default_rng([number, seed]))
    return parent


def _write_run(outputs: Path, study: str, experiment: str, seed: int, parent: str, random: np.random.Generator) -> None:
    config = check_overrides([f"experiment={experiment}", "size=cpu", f"seed={seed}"])
    folder = outputs / "runs" / f"{experiment}_{seed}"
    run = open_run(
        uri=None,
        outputs=outputs,
        experiment="star",
        run_name=f"{experiment}-seed{seed}",
        params=run_params(config),
        tags={"study": study, "experiment": experiment, "seed": seed, "device": "none, numbers are invented"},
        spool=folder / "events.jsonl",
        parent_run_id=parent,
    )
    run.log_dataset("invented", "0" * 64, str(outputs / "data"), {"training identities": 8})
    with run:
        scores: dict[Direction, Scores] = {}
        shift = random.normal()
        for epoch in range(EPOCHS):
            for step in range(epoch * STEPS, (epoch + 1) * STEPS, 5):
                decay = np.exp(-step / 40)
                losses = {name: 2.5 * decay + 0.1 * random.random() for name in config.loss}
                points = {f"loss/{name}": value for name, value in losses.items()}
                run.log_metrics({**points, "loss/total": sum(losses.values()), "rate/head": 0.1 * decay}, step)
            share = 1 - np.exp(-(epoch + 1) / 4)
            scores = {d: _scores((_FINAL[experiment][d] + shift) * share + random.normal() / 3) for d in DIRECTIONS}
            named = {f"{d}/{name}": value for d in DIRECTIONS for name, value in scores[d].as_metrics().items()}
            shown = {name: value for name, value in named.items() if name.endswith(("R1", "mAP"))}
            run.log_metrics(shown, (epoch + 1) * STEPS)
        final = {f"final/{name}": value for name, value in named.items()}
        run.log_metrics(final, EPOCHS * STEPS)
        run.log_model("last", EPOCHS * STEPS, list(final), {"checkpoint": str(folder / "checkpoints" / "last.json")})
        run.log_artifact(cmc_curve(scores, folder / "cmc.png", title="invented, last epoch"))
        (folder / "scores.json").write_text('{"final": "invented"}')
        run.log_artifact(folder / "scores.json")


def _scores(precision: float) -> Scores:
    cmc = 1 - (1 - precision / 100) ** np.arange(1, 21)
    return Scores(
        cmc=cmc,
        mean_average_precision=precision / 100,
        mean_inverse_negative_penalty=precision / 140,
        valid_queries=48,
        queries=48,
        gallery=48,
    )

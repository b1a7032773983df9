"""Results of a finished run: scores, per-query record, CMC curve, ranked lists, its checkpoint's reference."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from star.engine.trainer import History
from star.evaluation.evaluator import Evaluation
from star.evaluation.per_query import PER_QUERY_FILE, per_query, write_per_query
from star.evaluation.pictures import cmc_curve, ranked_lists
from star.evaluation.protocols import chance_level
from star.evaluation.reranking import Reranked
from star.types import DIRECTIONS, SCORE_NAMES, Direction, Scores, Tracker, VideoReIDData

logger = logging.getLogger(__name__)

SCORES_FILE = "scores.json"


def log_results(folder: Path, tracker: Tracker, data: VideoReIDData, evaluation: Evaluation, history: History) -> float:
    """Write and track the results of the last epoch.

    `final/*` is the last epoch. `best_on_test/*` is the largest value of each score over all rankings of the test set,
    as the releases report theirs; it is optimistic and never used for anything else. Re-ranked scores of the last epoch
    stand beside the plain ones under `final/<direction>/<score>_<kind>`.

    Args:
        folder: of the run.
        tracker: open run.
        data: the test set.
        evaluation: of the last epoch.
        history: of the whole run.

    Returns:
        Mean of the final mAP of both directions in percent.
    """
    final = evaluation.metrics()
    reranked = evaluation.reranked.metrics() if evaluation.reranked else {}
    chance = chance_levels(data)
    record = {
        "protocol": data.protocol,
        "ranked": {
            d: {"queries": s.queries, "valid_queries": s.valid_queries, "gallery": s.gallery}
            for d, s in evaluation.scores.items()
        },
        "final": final | reranked,
        "best_on_test": history.best_on_test,
        "chance": chance,
        "steps": history.step,
    }
    (folder / SCORES_FILE).write_text(json.dumps(record, indent=1))
    tracker.log_metrics({f"final/{name}": value for name, value in (final | reranked).items()}, history.step)
    optimistic = {f"best_on_test/{name}": v for name, v in history.best_on_test.items() if name.endswith(("R1", "mAP"))}
    tracker.log_metrics(optimistic, history.step)
    checkpoint = folder / "checkpoints" / "last.json"
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    tags = evaluation.reranked.tags() if evaluation.reranked else {}
    tracker.log_tags({"checkpoint": str(checkpoint), "checkpoint_sha256": digest, **tags})
    about = {"checkpoint": str(checkpoint), "checkpoint_sha256": digest, "protocol": data.protocol}
    tracker.log_model("last", history.step, [f"final/{name}" for name in final], about)
    cmc_curve(evaluation.scores, folder / "cmc.png", title=f"{data.name}, last epoch")
    pictures = [folder / "cmc.png"]
    for direction in DIRECTIONS:
        path = folder / f"ranked_list_{direction}.png"
        ranked_lists(data, evaluation.similarity[direction], direction, path)
        pictures.append(path)
    write_per_query(per_query(data, evaluation.similarity), folder / PER_QUERY_FILE)
    for path in (*pictures, folder / PER_QUERY_FILE, folder / SCORES_FILE, checkpoint, folder / "train.log"):
        tracker.log_artifact(path)
    logger.info("run %s, folder %s", tracker.run_id, folder)
    logger.info("protocol %s", data.protocol)
    for line in describe(evaluation.scores, chance):
        logger.info(line)
    if evaluation.reranked:
        for line in describe_reranked(evaluation.reranked):
            logger.info(line)
    return evaluation.mean_map()


def chance_levels(data: VideoReIDData) -> dict[Direction, dict[str, float]]:
    """Expected percentages of a ranking in random order, by direction."""
    return {
        direction: chance_level(*pair.labels, same_camera_filter=data.same_camera_filter)
        for direction, pair in data.test.items()
    }


def describe(scores: dict[Direction, Scores], chance: dict[Direction, dict[str, float]]) -> list[str]:
    """One line a direction."""
    lines = []
    for direction, score in scores.items():
        lines.append(
            f"{direction}: {_in_words(score)}  ({score.valid_queries} of {score.queries} queries valid, "
            f"{score.gallery} gallery tracklets; "
            f"chance R1 {chance[direction]['R1']:.2f} mAP {chance[direction]['mAP']:.2f})"
        )
    return lines


def describe_reranked(reranked: Reranked) -> list[str]:
    """One line a direction."""
    return [
        f"{direction}, re-ranked ({reranked.kind}): {_in_words(score)}" for direction, score in reranked.scores.items()
    ]


def _in_words(score: Scores) -> str:
    m = score.as_metrics()
    return "  ".join(f"{name} {m[name]:.2f}" for name in SCORE_NAMES)

"""Re-ranking of a checked configuration, with what it needs beside the features of the plain ranking."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

from star.config.schema import Config, Reranking
from star.engine.build_data import evaluation_loader
from star.engine.processes import Processes
from star.evaluation.evaluator import Evaluation, embed
from star.evaluation.k_reciprocal import k_reciprocal
from star.evaluation.reranking import Reranked, halves_of, rerank_test_set
from star.evaluation.temporal_k_reciprocal import Halves, temporal_k_reciprocal
from star.models.network import Network
from star.types import ALONE, Modality, VideoReIDData

logger = logging.getLogger(__name__)


def build_reranking(
    config: Config,
    model: Network,
    data: VideoReIDData,
    present: Callable[[], Mapping[Modality, Callable]],
    processes: Processes | None = None,
) -> Callable[[Evaluation], Evaluation]:
    """A function that adds the re-ranked scores to an evaluation; without re-ranking it gives it back.

    Args:
        config: checked configuration.
        model: the network.
        data: its test set.
        present: gives the embedders of the present weights.
        processes: that embed a part of every split each; the first one alone re-ranks.
    """
    options, first = config.reranking, processes is None or processes.first
    several = processes is not None and processes.share.world_size > 1
    share, gather = (processes.share, processes.gather) if processes and several else (ALONE, None)

    def halves(evaluation: Evaluation) -> dict[str, Halves]:
        model.set_train(False)
        found, embedders = {}, present()
        for split in data.test_splits:
            loaders = [evaluation_loader(config, half, share) for half in halves_of(split)]
            one, other = (embed(embedders[split.modality], loader, gather) for loader in loaders)
            found[split.name] = Halves(evaluation.features[split.name], one, other)
        model.set_train(True)
        return found

    def rerank(evaluation: Evaluation) -> Evaluation:
        if options.kind == "none":
            return evaluation
        started = time.perf_counter()
        numbers = {"k1": options.k1, "k2": options.k2, "weight": options.weight}
        if options.kind == "temporal":
            features = halves(evaluation)
            similarity_of = partial(temporal_k_reciprocal, **numbers, halves=options.halves)
            found = rerank_test_set(data, features, similarity_of) if first else {}
        else:
            found = rerank_test_set(data, evaluation.features, partial(k_reciprocal, **numbers)) if first else {}
        logger.info("re-ranked (%s): %.1f s", options.kind, time.perf_counter() - started)
        return evaluation._replace(reranked=Reranked(options.kind, found, _in_words(options)))

    return rerank


def _in_words(options: Reranking) -> str:
    names = ("k1", "k2", "weight", *(("halves",) if options.kind == "temporal" else ()))
    return " ".join(f"{name}={getattr(options, name):g}" for name in names)

"""The command `star-evaluate`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from star.cli.command import exit_with, log_to_terminal
from star.cli.exported import exported_embedders


def evaluate() -> None:
    """`star-evaluate run=ID_OR_FOLDER`: rank the test set again with a run's own model."""
    exit_with(_evaluate)


def _evaluate(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-evaluate", description=evaluate.__doc__)
    parser.add_argument("items", nargs="+", metavar="run=ID_OR_FOLDER", help="the run; then overrides such as "
                        "dataset.root=FOLDER, hardware.embedding=onnxruntime or reranking=k_reciprocal")  # fmt: skip
    parser.add_argument("--checkpoint", choices=("last", "best"), default="last", help="which weights (default: last)")
    parser.add_argument("--per-query", action="store_true", help="also write what each query found into the run's "
                        "folder (per_query.csv), for runs older than that file")  # fmt: skip
    parser.add_argument("--views", type=int, default=0, metavar="N", help="also draw what the network attends to and "
                        "how it pools in N clips of the test set, half of each modality, into the run's folder "
                        "(views/)")  # fmt: skip
    options = parser.parse_intermixed_args(list(arguments))
    if options.views < 0:
        parser.error(f"--views: given {options.views}, expected a number from 0")
    from star.config.typed import value_of

    runs = [str(value_of(item)) for item in options.items if item.startswith("run=")]
    if len(runs) != 1:
        parser.error("give exactly one run=ID_OR_FOLDER")
    from star.engine.reevaluate import evaluate_run

    log_to_terminal()
    overrides = [item for item in options.items if not item.startswith("run=")]
    text = evaluate_run(
        runs[0],
        overrides,
        options.checkpoint,
        record=options.per_query,
        views=options.views,
        exported=exported_embedders,
    )
    sys.stdout.write(text + "\n")

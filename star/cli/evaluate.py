"""The command `star-evaluate`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from star.cli.command import OF_EVERY_COMMAND, exit_with, log_to_terminal
from star.cli.exported import exported_embedders


def evaluate() -> None:
    """`star-evaluate run=RUN`: rank the test set again with a run's own model."""
    exit_with(_evaluate)


def _with_key(item: str) -> str:
    """A bare word is the run."""
    return item if "=" in item or item.startswith("~") else f"run={item}"


def _evaluate(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-evaluate", description=evaluate.__doc__, epilog=OF_EVERY_COMMAND)
    parser.add_argument("run", metavar="run=RUN", help="the run: its id, the first characters of it, or its folder")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="overrides such as dataset.root=FOLDER, "
                        "hardware.embedding=onnxruntime or reranking=k_reciprocal")  # fmt: skip
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

    items = [_with_key(item) for item in (options.run, *options.overrides)]
    runs = [str(value_of(item)) for item in items if item.startswith("run=")]
    if len(runs) != 1:
        parser.error(f"run: given {', '.join(runs) or 'nothing'}, expected one run (run=RUN)")
    from star.engine.reevaluate import evaluate_run

    log_to_terminal()
    overrides = [item for item in items if not item.startswith("run=")]
    text = evaluate_run(
        runs[0],
        overrides,
        options.checkpoint,
        record=options.per_query,
        views=options.views,
        exported=exported_embedders,
    )
    sys.stdout.write(text + "\n")

"""The command `star-evaluate`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from star.cli.command import exit_with, log_to_terminal

if TYPE_CHECKING:
    from star.config.schema import Config
    from star.models.network import Network
    from star.types import Modality


def evaluate() -> None:
    """`star-evaluate run=ID_OR_FOLDER`: rank the test set again with a run's own model."""
    exit_with(_evaluate)


def _evaluate(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-evaluate", description=evaluate.__doc__)
    parser.add_argument("items", nargs="+", metavar="run=ID_OR_FOLDER", help="the run; then overrides such as "
                        "dataset.root=FOLDER, hardware.loader_workers=4 or reranking=k_reciprocal")  # fmt: skip
    parser.add_argument("--checkpoint", choices=("last", "best"), default="last", help="which weights (default: last)")
    parser.add_argument("--per-query", action="store_true", help="also write what each query found into the run's "
                        "folder (per_query.csv), for runs older than that file")  # fmt: skip
    parser.add_argument("--views", type=int, default=0, metavar="N", help="also draw what the network attends to and "
                        "how it pools in N clips of the test set, half of each modality, into the run's folder "
                        "(views/)")  # fmt: skip
    parser.add_argument("--exported", action="store_true", help="embed with the exported graph in ONNX Runtime, which "
                        "is faster on a CPU (needs the extra export)")  # fmt: skip
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
    if options.exported:
        from star.export.packages import require_packages

        require_packages("--exported")
        overrides += ["hardware.target=CPU", "hardware.precision=O0"]
    text = evaluate_run(
        runs[0],
        overrides,
        options.checkpoint,
        record=options.per_query,
        views=options.views,
        embedders=_exported_embedders if options.exported else None,
    )
    sys.stdout.write(text + "\n")


def _exported_embedders(config: Config, model: Network) -> Mapping[Modality, Callable]:
    from star.export.embedders import exported_embedders  # imports MindSpore, for which the configuration comes first

    return exported_embedders(config, model)

"""The command `star-check`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from star.cli.command import OF_EVERY_COMMAND, exit_with, log_to_terminal
from star.errors import StarError

IDENTITIES = 500
"""Of HITSZ-VCM's training set."""
STEPS = 5


def check() -> None:
    """`star-check [OVERRIDES]`: check a configuration and its data set."""
    exit_with(_check)


def _picture(word: str) -> Path:
    """The file an option names; an override behind `--sheet` would be one otherwise."""
    if Path(word).suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"given {word}, expected the name of a PNG file, such as people.png")
    return Path(word)


def _check(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("star-check", description=check.__doc__, epilog=OF_EVERY_COMMAND)
    parser.add_argument("overrides", nargs="*", help="overrides of the configuration as for star-train, "
                        "e.g. dataset=synthetic")  # fmt: skip
    parser.add_argument("--config-only", action="store_true", help="do not read the data set")
    parser.add_argument("--sheet", type=_picture, metavar="PNG", help="write a contact sheet of the data set")
    parser.add_argument("--augmented", type=_picture, metavar="PNG", help="write the first training batch as a picture")
    cost = parser.add_argument_group("what configurations cost (docs/cost.md)")
    cost.add_argument("--cost", action="store_true", help="a table of parameters, operations, time and memory; several "
                      "values of an override are several lines: method=agw,mitml")  # fmt: skip
    cost.add_argument("--steps", type=int, metavar="N", help="training steps to measure, 0: only count (default: 5)")
    dry = parser.add_argument_group("without a device (docs/ascend.md)")
    dry.add_argument("--dry-run", action="store_true", help="with hardware=ascend: compile the job for Ascend in "
                     "MindSpore's simulation instead of reading the data set; needs no device, no driver")  # fmt: skip
    dry.add_argument("--identities", type=int, metavar="K", help="classes of the classifiers in a dry run (default: "
                     "the identities of one batch) and of --cost (default: 500)")  # fmt: skip
    dry.add_argument("--kernels", action="store_true", help="list the kernels of a dry run")
    options = parser.parse_intermixed_args(list(arguments))
    from star.config.check import check_overrides
    from star.config.command_line import with_stored_overrides

    if not options.dry_run and (options.kernels or (options.identities is not None and not options.cost)):
        parser.error("--kernels belongs to --dry-run, --identities to --dry-run or --cost")
    if options.steps is not None and (not options.cost or options.steps < 0):
        parser.error(f"--steps: given {options.steps}, expected a number from 0, with --cost")
    if options.identities is not None and options.identities < 1:
        parser.error(f"--identities: given {options.identities}, expected a number from 1")
    if options.cost:
        from star.cli.cost import cost_table

        steps = STEPS if options.steps is None else options.steps
        sys.stdout.write(cost_table(options.overrides, options.identities or IDENTITIES, steps) + "\n")
        return
    log_to_terminal()
    config = check_overrides(with_stored_overrides(options.overrides), here=not options.dry_run)
    from star.config.notes import notes
    from star.config.paths import outputs_folder
    from star.engine.describe_network import describe_network
    from star.tracking.store import store_uri

    if config.tracker.kind == "mlflow":
        store_uri(config.tracker.uri, outputs_folder())  # refuses what no store can have as its address

    remarks = "".join(f"note: {note}\n" for note in notes(config))
    sys.stdout.write(f"the configuration is valid\n{remarks}\n{describe_network(config)}\n")
    if options.dry_run:
        from star.dry_run.command import dry_run
        from star.dry_run.report import as_text

        found = dry_run(config, options.identities)
        sys.stdout.write(f"\n{as_text(found, options.kernels)}\n")
        if not found.compiles:
            raise StarError("not every graph compiles once")
    elif not options.config_only:
        from star.engine.check_data import check_data

        found = check_data(config, sheet=options.sheet, augmented=options.augmented)
        sys.stdout.write(f"{found.report}\n")
        if found.problems:
            raise StarError("\n".join(found.problems))

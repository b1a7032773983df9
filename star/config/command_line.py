"""What happens to the arguments of `star-train` before Hydra sees them."""

from __future__ import annotations

from collections.abc import Sequence

from hydra._internal.utils import get_args_parser

from star.config.check import check_overrides
from star.config.compose import sweep_jobs, with_dictionaries_merged
from star.config.stored import stored_overrides
from star.errors import ConfigError, Problem


def prepare_command_line(arguments: Sequence[str]) -> list[str]:
    """Check every job that `arguments` ask for and give the arguments Hydra is to be called with.

    `resume=RUN` becomes the run's own overrides and folder, so that a run is continued with what it was started with.

    Hydra's own switches that only show something, and foreign configuration folders, pass unchecked; the job checks
    its composed configuration again.

    Args:
        arguments: of `star-train`, without the program's name.

    Raises:
        ConfigError: lists every problem of all jobs.
    """
    options = get_args_parser().parse_args(list(arguments))
    switches = [text for text in arguments if text not in options.overrides]
    overrides = with_dictionaries_merged(options.overrides)
    only_shows = options.help or options.hydra_help or options.cfg or options.info or options.shell_completion
    if only_shows or options.config_dir or options.config_name:
        return list(arguments)
    resumed = [text.removeprefix("resume=") for text in overrides if text.startswith("resume=")]
    if resumed and resumed[-1] not in ("", "null"):
        if options.multirun:
            raise ConfigError([Problem("resume", resumed[-1], "no resume together with -m")])
        folder, stored = stored_overrides(resumed[-1])
        overrides = [*stored, *overrides, f"hydra.run.dir='{folder}'"]
    problems: dict[Problem, None] = {}
    for job in sweep_jobs(overrides) if options.multirun else [overrides]:
        try:
            check_overrides(job)
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise ConfigError(list(problems))
    return [*switches, *overrides]

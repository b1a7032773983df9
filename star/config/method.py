"""`method=NAME` among overrides: another word for `experiment=NAME`."""

from __future__ import annotations

from collections.abc import Sequence

from star.errors import ConfigError, Problem

_METHOD, _EXPERIMENT = "method=", "experiment="


def methods_as_experiments(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command with `experiment=` in the place of `method=`; a method is an experiment that is published.

    `experiment` is the group: it can be swept, a study's rows name it, and runs are reported by it.

    Raises:
        ConfigError: both are given, of which Hydra would take the last.
    """
    methods = [text for text in arguments if text.startswith(_METHOD)]
    experiments = [text for text in arguments if text.startswith(_EXPERIMENT)]
    if methods and experiments:
        expected = f"not both: a method is an experiment, without {experiments[0]} it is one with its whole recipe"
        raise ConfigError([Problem("method", f"{methods[0]} and {experiments[0]}", expected)])
    return [_EXPERIMENT + text.removeprefix(_METHOD) if text.startswith(_METHOD) else text for text in arguments]

"""`method=NAME` among overrides: another word for `experiment=NAME`."""

from __future__ import annotations

from collections.abc import Sequence

_METHOD, _EXPERIMENT = "method=", "experiment="


def methods_as_experiments(arguments: Sequence[str]) -> list[str]:
    """Arguments of a command with `experiment=` in the place of `method=`; a method is an experiment that is published.

    `experiment` is the group: it can be swept, a study's rows name it, and runs are reported by it.
    """
    return [_EXPERIMENT + text.removeprefix(_METHOD) if text.startswith(_METHOD) else text for text in arguments]

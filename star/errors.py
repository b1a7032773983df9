"""The errors a user can meet: each says what was given, what was expected, where it came from and what to do."""

import signal
from collections.abc import Sequence
from typing import NamedTuple


class StarError(Exception):
    """Base of all errors that are the input's fault; the command line shows them without a traceback."""


class Problem(NamedTuple):
    """One wrong entry of a configuration."""

    key: str
    given: str
    expected: str


def list_problems(beginning: str, problems: Sequence[str]) -> str:
    """A sentence that goes on with "2 problems:", and a line for each."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join([f"{beginning} {count}:", *(f"  {problem}" for problem in problems)])


class ConfigError(StarError):
    """A configuration that cannot be run; lists every problem at once."""

    def __init__(self, problems: list[Problem]):
        self.problems = problems
        lines = [f"{p.key}: given {p.given}, expected {p.expected}" for p in problems]
        super().__init__(list_problems("the configuration has", lines))


class DataError(StarError):
    """A data set, index file, frame or skeleton store that cannot be used; names the file."""


class CheckpointError(StarError):
    """Weights or a checkpoint that cannot be loaded; names the file."""


class TrackingError(StarError):
    """A tracking store that cannot be used; names its address."""


class PartError(StarError):
    """A part of the network or a loss term whose code failed; names it, the file and the line."""


class NonFiniteLossError(StarError):
    """A loss or a weight became NaN or infinite; names it and the step."""


class EvaluationError(StarError):
    """Similarities, identities or cameras that cannot be ranked, or a picture that cannot be written."""


class ReportError(StarError):
    """A study or its runs that cannot be reported."""


class StudyError(StarError):
    """A study that cannot be run now, or whose runs did not all finish."""


def ending_of(code: int) -> str:
    """How a process ended, as a sentence about it goes on: by its return code, which is negative for a signal."""
    if code >= 0:
        return f"ended with exit code {code}"
    memory = "; the system does that when memory runs out" if code == -signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-code).name}{memory}"

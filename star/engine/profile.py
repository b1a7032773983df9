"""MindSpore's profiler over some training steps, and a report of where the time goes."""

from __future__ import annotations

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from star.engine.time_shares import TimeShares

REPORT = "profile.md"
_TRACE = "trace_view.json"
_FIRST_STEPS = 2
"""Steps before the profiler starts: of compilation and of a device that warms up."""
_COSTLIEST = 10
_KERNELS = ("CPU OP", "Ascend Hardware")
"""What MindSpore calls the kernels among the "processes" of its trace; others show the same time by layer."""
_NUMBER = re.compile(r"-op\d+$")


class Operator(NamedTuple):
    """What one kind of operator took in the profiled steps.

    Attributes:
        name: as MindSpore calls it, e.g. "Conv2DBackpropFilter".
        calls: in all steps.
        milliseconds: in all steps.
    """

    name: str
    calls: int
    milliseconds: float


class StepProfile:
    """Profiles some steps of a run, after the first two.

    Args:
        folder: of the run; MindSpore's trace goes to `profile/` in it.
        steps: number of steps.
        about: what the figures hold for, by name.
    """

    def __init__(self, folder: Path, steps: int, about: Mapping[str, str]) -> None:
        self._folder, self._steps, self._about = folder, steps, about
        self._trace = folder / "profile"
        self._seen = 0
        self._profiler: Any = None

    def before_step(self) -> None:
        """Start or stop the profiler, when it is time."""
        import mindspore.profiler

        if self._seen == _FIRST_STEPS:
            shutil.rmtree(self._trace, ignore_errors=True)
            handler = mindspore.profiler.tensorboard_trace_handler(str(self._trace))
            self._profiler = mindspore.profiler.profile(on_trace_ready=handler, start_profile=False)
            self._profiler.start()
        elif self._seen == _FIRST_STEPS + self._steps:
            self._stop()
        self._seen += 1

    def _stop(self) -> None:
        if self._profiler is not None:
            self._profiler.stop()
            self._profiler = None

    def report(self, shares: TimeShares) -> Path:
        """End the profile and write its tables beside the trace.

        Args:
            shares: of the whole run.

        Returns:
            A Markdown file.
        """
        self._stop()
        total, steps = shares.total, min(self._steps, self._seen - _FIRST_STEPS)
        operators = read_operators(self._trace) if steps > 0 else []
        lines = ["# Profile", "", *(f"- {name}: {text}" for name, text in self._about.items()), ""]
        lines += ["| part of training and ranking | seconds | share |", "|---|---:|---:|"]
        parts = [
            *sorted(shares.seconds.items(), key=lambda part: -part[1]),
            ("everything else", total - sum(shares.seconds.values())),
        ]
        lines += [f"| {name} | {seconds:.2f} | {seconds / total:.1%} |" for name, seconds in parts]
        if operators:
            lines += ["", f"The {_COSTLIEST} costliest kinds of operators in {steps} steps after the first two:", ""]
            lines += _table(operators, steps)
        else:
            lines += ["", f"No operators: training had {self._seen} steps, the first {_FIRST_STEPS} are left out."]
        path = self._folder / REPORT
        path.write_text("\n".join(lines) + "\n")
        return path


def _table(operators: Sequence[Operator], steps: int) -> list[str]:
    whole = sum(operator.milliseconds for operator in operators)
    rows = [
        f"| {o.name} | {o.calls / steps:.1f} | {o.milliseconds / steps:.2f} | {o.milliseconds / whole:.1%} |"
        for o in operators[:_COSTLIEST]
    ]
    return ["| operator | calls a step | ms a step | share of all operators |", "|---|---:|---:|---:|", *rows]


def read_operators(folder: Path) -> list[Operator]:
    """The operators of MindSpore's trace below a folder, the costliest first; empty without a trace."""
    calls: dict[str, int] = defaultdict(int)
    microseconds: dict[str, float] = defaultdict(float)
    for trace in folder.rglob(_TRACE):
        events = json.loads(trace.read_text())
        named = [event for event in events if event["name"] == "process_name"]
        kernels = {event["pid"] for event in named if event["args"]["name"] in _KERNELS}
        for event in events:
            if event["ph"] == "X" and event["pid"] in kernels:
                name = _NUMBER.sub("", event["name"].rpartition("/")[2])
                calls[name] += 1
                microseconds[name] += float(event["dur"])
    found = [Operator(name, calls[name], microseconds[name] / 1000) for name in calls]
    return sorted(found, key=lambda operator: -operator.milliseconds)

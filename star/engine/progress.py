"""Progress on a terminal; elsewhere the epoch lines of the log are enough."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType

from rich import get_console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

_log = logging.getLogger(__name__)


class _Rate(TextColumn):
    """Frames, or whatever is counted, a second."""

    def render(self, task: Task) -> Text:
        """Empty until it can be known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f} {task.fields['unit']}/s")


@contextmanager
def counting(what: str, unit: str = "frames", *, every: float = 10) -> Iterator[Callable[[int, int], None]]:
    """Progress, rate and time left of a countable job: a bar on a terminal, else a line now and then in the log.

    The number done at the first call is where the job begins (0, or what an earlier run has left).

    Args:
        what: is done.
        unit: that is counted.
        every: seconds between two lines.

    Yields:
        A function to call with the number done and the total.
    """
    console = get_console()
    if not console.is_terminal:
        yield _Lines(what, unit, every)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(""), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: list[TaskID] = []

        def show(done: int, total: int) -> None:
            if not tasks:
                tasks.append(progress.add_task(what, total=total, completed=done, unit=unit))
            progress.update(tasks[0], completed=done, total=total)

        yield show


class _Lines:
    """Progress as log lines."""

    def __init__(self, what: str, unit: str, every: float):
        self._what, self._unit, self._every = what, unit, every
        self._first: tuple[float, int] | None = None
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first, self._next = (now, done), now + self._every
        elif now >= self._next or (done == total and now - self._first[0] >= self._every):
            self._next = now + self._every
            rate = (done - self._first[1]) / (now - self._first[0])
            left = f", {timedelta(seconds=round((total - done) / rate))} left" if rate and done < total else ""
            _log.info(
                "%s: %s of %s %s, %.1f %s/s%s",
                self._what,
                f"{done:,}",
                f"{total:,}",
                self._unit,
                rate,
                self._unit,
                left,
            )


class TrainingProgress:
    """A bar per run with loss terms, throughput and time left. A context manager.

    Args:
        steps: of the whole run.
        done: steps already made by the run that is continued.
    """

    def __init__(self, steps: int, done: int = 0):
        console = get_console()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: TaskID = self._bar.add_task("train", total=steps, completed=done, numbers="")

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, epoch: int, epochs: int, losses: dict[str, float], clips_per_second: float) -> None:
        """Advance by one step."""
        terms = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self._bar.update(
            self._task,
            advance=1,
            description=f"epoch {epoch + 1}/{epochs}",
            numbers=f"{clips_per_second:.1f} clips/s  {terms}",
        )

    def evaluating(self) -> None:
        """Say that the test set is being ranked."""
        self._bar.update(self._task, description="ranking")

"""Progress on a terminal; elsewhere the epoch lines of the log are enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich import get_console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for a countable job; gives a function to call with the number done and the total."""
    console = get_console()
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


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

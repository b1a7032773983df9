"""Requests to stop: SIGTERM, and SIGUSR1 or SIGUSR2 with which clusters announce that they take a job's place."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import NoReturn, TypeVar

from typing_extensions import Self

from star.engine.slurm import takes_the_place

Result = TypeVar("Result")
PREEMPTION = (signal.SIGUSR1, signal.SIGUSR2)


class StopSignals:
    """Ends the program with exit code 128 + number of the signal: at once, or within `held()` where `check` is called.

    A context manager, of the main thread only; elsewhere it does nothing. A program that ends like this comes to
    `__exit__`, which gives the signals back and then calls the handler that was there before: submitit puts its job
    into the queue again with one on SIGUSR1 or SIGUSR2. It has its turn after SIGTERM too if that was how Slurm
    announced pre-emption. By then checkpoint and run are closed.

    Args:
        agree: of several processes that are to stop at the same `check`, gives the largest of the numbers they call it
            with, which each does in every `asked`.

    Attributes:
        received: the first signal that came.
    """

    def __init__(self, agree: Callable[[int], int] | None = None) -> None:
        self.received: signal.Signals | None = None
        self._agree = agree
        self._held = False
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        """Take the signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in (signal.SIGTERM, *PREEMPTION)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give them back; after a stop, let the earlier handler do its part."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.received is None or not isinstance(error, SystemExit):
            return
        handlers = {number: handler for number, handler in self._before.items() if callable(handler)}
        order = (self.received, *PREEMPTION) if self.received in PREEMPTION else (self.received,)
        if self.received == signal.SIGTERM and handlers.keys() & set(PREEMPTION) and takes_the_place():
            order = PREEMPTION
        handler = next((handlers[number] for number in order if number in handlers), None)
        if handler is not None:
            handler(self.received, None)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within this block a signal is only remembered, for `check`."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def asked(self) -> bool:
        """Whether a signal has come; of several processes, to one of them."""
        if self._agree is None:
            return self.received is not None
        number = self._agree(self.received or 0)
        if number and self.received is None:
            self.received = signal.Signals(number)
        return bool(number)

    def check(self) -> None:
        """Stop now if a signal has come.

        Raises:
            SystemExit: with 128 + number of the signal.
        """
        if self.asked():
            self.end()

    def end(self) -> NoReturn:
        """Stop now; a signal must have come.

        Raises:
            SystemExit: with 128 + number of the signal.
        """
        assert self.received is not None
        raise SystemExit(128 + self.received)

    def checked(self, function: Callable[..., Result]) -> Callable[..., Result]:
        """The same function, with a check before every call; unchecked of several processes, whose calls differ."""
        if self._agree is not None:
            return function

        def call(*arguments: object) -> Result:
            self.check()
            return function(*arguments)

        return call

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            return
        self.received = signal.Signals(number)
        if not self._held:
            self.end()

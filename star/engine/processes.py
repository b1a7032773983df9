"""The processes that train together: what each knows of the others. MindSpore is loaded where there are several."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from star.config.schema import Hardware
from star.engine.launch import LAUNCHER, cluster_in_environment, is_worker
from star.errors import ConfigError, Problem
from star.types import ALONE, Share

logger = logging.getLogger(__name__)


class Processes:
    """One process alone: it tells itself what it knows, and waits for nobody.

    Attributes:
        share: of this process.
    """

    share = ALONE

    @property
    def first(self) -> bool:
        """Whether this is process 0, which logs, tracks and writes."""
        return self.share.rank == 0

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """[n ...] int32 or float32 of each process, of equal shapes -> [size*n ...]."""
        return rows

    def tell(self, value: Any) -> Any:
        """The JSON value that process 0 calls this with."""
        return value

    def sum(self, counts: dict[str, int]) -> dict[str, int]:
        """Counts of all processes together; their names are the same everywhere."""
        return counts

    def largest(self, number: int) -> int:
        """The largest of the processes' numbers."""
        return number

    def require_same(self, text: str, what: str) -> None:
        """Raise ConfigError unless `text` is the same in all processes.

        Args:
            text: e.g. a checksum.
            what: it is of.
        """

    @contextmanager
    def watched(self, end: Callable[[], None]) -> Iterator[None]:
        """If the launcher ends the job within this block, call `end` from another thread and leave the program."""
        yield


class SeveralProcesses(Processes):
    """A worker of `msrun` or of `star.engine.launch`. Every method but `watched` is to be called by all processes.

    Args:
        share: of this process; the communication must have been started.
    """

    def __init__(self, share: Share):
        from mindspore import Tensor, ops

        self.share = share
        self._gather, self._tensor = ops.AllGather(), Tensor

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """See `Processes`."""
        return self._gather(self._tensor(np.ascontiguousarray(rows))).asnumpy()

    def tell(self, value: Any) -> Any:
        """See `Processes`; of the others the value is not looked at."""
        # AllGather takes numbers, as many from each process: one for each byte, filled up to the longest text.
        data = np.frombuffer(json.dumps(value).encode(), np.uint8).astype(np.int32)
        lengths = self.gather(np.array([len(data)], np.int32))
        padded = np.zeros(int(lengths.max()), np.int32)
        padded[: len(data)] = data
        of_first = self.gather(padded)[: lengths[0]]
        return json.loads(of_first.astype(np.uint8).tobytes())

    def sum(self, counts: dict[str, int]) -> dict[str, int]:
        """See `Processes`."""
        columns = self.gather(np.array([list(counts.values())], np.int32)).sum(0)
        return dict(zip(counts, map(int, columns), strict=True))

    def largest(self, number: int) -> int:
        """See `Processes`."""
        return int(self.gather(np.array([number], np.int32)).max())

    def require_same(self, text: str, what: str) -> None:
        """See `Processes`."""
        of_first = self.tell(text)
        if self.largest(int(of_first != text)):
            given = f"{text} in process {self.share.rank}, {of_first} in process 0"
            raise ConfigError([Problem("hardware.processes", given, f"the same {what} in every process")])

    @contextmanager
    def watched(self, end: Callable[[], None]) -> Iterator[None]:
        """See `Processes`. The main thread cannot do it: it may be waiting for a process that is gone."""
        if LAUNCHER not in os.environ:
            yield
            return
        over = threading.Event()

        def watch() -> None:
            os.read(int(os.environ[LAUNCHER]), 1)
            if not over.is_set():
                end()
                os._exit(1)

        threading.Thread(target=watch, daemon=True, name="star-launcher").start()
        try:
            yield
        finally:
            over.set()


def join_processes(hardware: Hardware) -> Processes:
    """The processes this one trains with, once all have started.

    Raises:
        ConfigError: `hardware.processes` is not the number that was started.
    """
    if hardware.processes == 1 and not is_worker():
        return Processes()
    share = Share(int(os.environ.get("RANK_ID", 0)), int(os.environ.get("MS_WORKER_NUM", 1)))
    if share.world_size != hardware.processes:
        expected = f"{share.world_size}, the number of workers msrun has started; {cluster_in_environment()}"
        raise ConfigError([Problem("hardware.processes", str(hardware.processes), expected)])
    if LAUNCHER not in os.environ:
        logger.info("waiting for the scheduler and %d processes: %s", share.world_size, cluster_in_environment())
    from mindspore.communication import get_rank, init

    from star.engine.hardware import select_device

    select_device(hardware)
    init()
    return SeveralProcesses(share._replace(rank=get_rank()))

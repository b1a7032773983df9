"""Several processes on one machine, as `msrun` would start them: workers, and a scheduler they find each other by.

Unlike `msrun`, the launcher shows what process 0 writes, hands on signals, and says which process was lost.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from star.config.schema import Hardware
from star.config.typed import quoted
from star.engine.signals import StopSignals
from star.errors import StarError, ending_of

logger = logging.getLogger(__name__)

LAUNCHER = "STAR_LAUNCHER"
"""Set for the workers of the launcher: number of the file descriptor that ends when they are to end."""

_CLUSTER = ("MS_ROLE", "MS_WORKER_NUM", "MS_SCHED_HOST", "MS_SCHED_PORT")
_GRACE = 20.0
"""Seconds the other processes get to close their run after one is lost."""
_TIMEOUT = "MS_CPU_COMM_OP_TIMEOUT"
_WAIT = "1800"
"""Seconds a process waits for the others. MindSpore's 30 are less than compiling a step or ranking can take."""


class ProcessError(StarError):
    """A process of several ended before its time."""


def is_worker() -> bool:
    """Whether this process is one of several that train together."""
    return os.environ.get("MS_ROLE") == "MS_WORKER"


def is_scheduler() -> bool:
    """Whether this process only lets the workers find each other; msrun starts it with the workers' command."""
    return os.environ.get("MS_ROLE") == "MS_SCHED"


def cluster_in_environment() -> str:
    """What the environment says of a cluster, as a hint: the variables may be left over from another job."""
    found = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name in _CLUSTER]
    return f"the environment has {', '.join(found)}; if this is no job of msrun, unset {' '.join(_CLUSTER)}"


def schedule() -> None:
    """Serve the workers until they have ended; MindSpore then ends the program itself."""
    sys.stdout.write(f"a scheduler that waits for its workers: {cluster_in_environment()}\n")
    sys.stdout.flush()
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    os.environ.setdefault("GLOG_v", "3")
    import mindspore as ms
    from mindspore.communication import init

    ms.set_device("CPU")
    init()


def leave_after(command: Callable[[], None]) -> None:
    """Run a worker's command; an error leaves the program at once: MindSpore's own end would wait for the others."""
    os.environ.setdefault(_TIMEOUT, _WAIT)  # before MindSpore is imported
    try:
        command()
    except BaseException as error:
        code = error.code if isinstance(error, SystemExit) else 1
        if not code:
            raise
        if not isinstance(error, SystemExit):
            traceback.print_exc()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


@contextmanager
def worker_arguments(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Arguments of `star-train` in this process; those that are not process 0 leave Hydra's files to it."""
    if not is_worker() or os.environ.get("RANK_ID", "0") == "0":
        yield list(arguments)
        return
    kept = [text for text in arguments if not text.startswith("hydra.run.dir=")]
    with tempfile.TemporaryDirectory(prefix="star-process-") as folder:
        yield [*kept, f"hydra.run.dir={quoted(str(folder))}", "hydra.output_subdir=null"]


def train_with_workers(hardware: Hardware, overrides: Sequence[str], folder: Path) -> None:
    """Train with `hardware.processes` processes and wait for them.

    Args:
        hardware: of the run.
        overrides: what `star-train` is called with in each.
        folder: of the run; gets what the processes but the first write, as `process_<rank>.log`.

    Raises:
        ProcessError: a process was lost, or ended with an error; the others have been ended.
        SystemExit: a signal has ended the run, which has a checkpoint.
    """
    command = [
        sys.executable,
        "-c",
        "from star.cli.train import train; train()",
        *overrides,
        *(f"hydra.run.dir={quoted(str(folder))}", "hydra.output_subdir=null"),  # Hydra's files are this process's
    ]
    share_cores = hardware.target == "CPU"
    run_workers(command, hardware.processes, folder, device_id=hardware.device_id, share_cores=share_cores)


def run_workers(
    command: Sequence[str], processes: int, folder: Path, *, device_id: int = 0, share_cores: bool = False
) -> None:
    """Run a command in several processes that find each other with `star.engine.processes.join_processes`.

    Args:
        command: of each.
        processes: number of them.
        folder: gets what the processes but the first write, as `process_<rank>.log`.
        device_id: device of the first process; the others have the next ones.
        share_cores: hold each process on cores of its own: a thread of MindSpore that waits keeps a core busy, and
            would take it from the kernels of another process.

    Raises:
        ProcessError: a process was lost, or ended with an error; the others have been ended.
        SystemExit: a signal has ended them.
    """
    scheduler = [sys.executable, "-c", "from star.engine.launch import schedule; schedule()"]
    read_end, write_end = os.pipe()
    workers: list[subprocess.Popen] = []
    common = _cluster(processes)
    with (folder / "process_scheduler.log").open("w") as log:
        server = subprocess.Popen(
            scheduler, env=common | {"MS_ROLE": "MS_SCHED"}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        for rank in range(processes):
            own = {"MS_ROLE": "MS_WORKER", "RANK_ID": str(rank), "MS_NODE_ID": str(rank), LAUNCHER: str(read_end)}
            own["DEVICE_ID"] = str(device_id + rank)
            log = None if rank == 0 else (folder / f"process_{rank}.log").open("w")
            workers.append(
                subprocess.Popen(
                    command, env=common | own, stdout=log, stderr=log, pass_fds=(read_end,), start_new_session=True
                )
            )
            if log:
                log.close()
            if share_cores:
                _hold_on_cores(workers[rank].pid, rank, processes)
        logger.info("%d processes: %s", len(workers), ", ".join(str(worker.pid) for worker in workers))
        with StopSignals() as stop, stop.held():
            lost = _wait(workers, stop)
            if lost is not None:
                os.write(write_end, b"x" * len(workers))
                _end(workers, _GRACE)
            stop.check()
            code = workers[0].returncode
            if code > 128:  # a signal that came to the workers only
                raise SystemExit(code)
            if lost is not None:
                raise ProcessError(_describe(lost, workers, folder))
    finally:
        for end in (read_end, write_end):
            os.close(end)
        _end(workers, 0.0)
        _end([server], 5.0)


def _cluster(workers: int) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        _TIMEOUT: _WAIT,
        **os.environ,
        "MS_WORKER_NUM": str(workers),
        "RANK_SIZE": str(workers),
        "MS_SCHED_HOST": "127.0.0.1",
        "MS_SCHED_PORT": str(port),
    }


def _hold_on_cores(pid: int, rank: int, processes: int) -> None:
    """Give a process its part of the cores this one may use; all of them if there are too few for all processes."""
    if sys.platform != "linux":
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) >= processes:
        os.sched_setaffinity(pid, cores[rank * len(cores) // processes : (rank + 1) * len(cores) // processes])


def _wait(workers: Sequence[subprocess.Popen], stop: StopSignals) -> int | None:
    """Rank of the first worker that failed; None if all ended well. Hands on the first signal; Ctrl-C as SIGTERM."""
    handed_on = False
    while True:
        try:
            codes = [worker.poll() for worker in workers]
            failed = [rank for rank, code in enumerate(codes) if code]
            if failed:
                return min(failed, key=lambda rank: codes[rank] or 0)  # one killed by a signal has a negative code
            if all(code == 0 for code in codes):
                return None
            if stop.received and not handed_on:
                handed_on = True
                _send(workers, stop.received)
            time.sleep(0.2)
        except KeyboardInterrupt:
            if stop.received:
                raise
            stop.received = signal.SIGTERM


def _send(workers: Sequence[subprocess.Popen], number: int) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(number)


def _end(processes: Sequence[subprocess.Popen], grace: float) -> None:
    """Wait `grace` seconds for processes to end, then kill them with what they have started."""
    deadline = time.monotonic() + grace
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _describe(rank: int, workers: Sequence[subprocess.Popen], folder: Path) -> str:
    text = f"process {rank} of {len(workers)} {ending_of(workers[rank].returncode)}; the others were ended too"
    log = folder / f"process_{rank}.log"
    if rank == 0:
        text += "; its messages are above"
    elif log.is_file():
        last = log.read_text(errors="replace").strip().splitlines()[-5:]
        text += "".join(f"\n  {line}" for line in [f"the end of {log}:", *last])
    return f"{text}\nto go on: star-train resume={shlex.quote(str(folder))}"

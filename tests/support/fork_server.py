"""A process that has imported what the commands import, and forks a child for each command: five seconds less for each.

Only for commands that need no environment before MindSpore's import. The server starts no threads of its own, and what
the imports start (OpenBLAS's) can be forked.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

from support.processes import wait_until

_IMPORTS = (
    *("mindspore", "hydra", "mlflow", "mlflow.store.tracking.sqlalchemy_store", "h5py", "matplotlib.pyplot"),
    *("star.cli.train", "star.engine.run", "star.engine.build_network", "star.engine.reevaluate"),
    *("star.engine.measure_robustness", "star.report", "star.study.runner"),
)
_RUNNING = "running"


def run_forked(name: str, arguments: tuple[str, ...], outputs: Path) -> subprocess.CompletedProcess[str]:
    """Run `star-<name>` to its end as `support.commands.start` would; both streams in `stdout`."""
    with Forked(name, arguments, outputs) as process:
        return process.wait()


class Forked:
    """`star-<name>` while it runs, for a test that sends it signals.

    Attributes:
        pid: of the process.
        returncode: None until it has ended; negative for a signal.
    """

    def __init__(self, name: str, arguments: tuple[str, ...], outputs: Path):
        self.returncode: int | None = None
        self._arguments = arguments
        self._log = outputs / f"{name}.stdout"
        environment = {**os.environ, "STAR_OUTPUTS": str(outputs)}
        self.pid = int(_ask("fork", name, arguments, str(outputs), str(self._log), environment))

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        if self.returncode is None:
            self.send_signal(signal.SIGKILL)
            self.wait()

    def ended(self) -> bool:
        """Whether it has."""
        if self.returncode is None and (code := _ask("code", self.pid)) != _RUNNING:
            self.returncode = int(code)
        return self.returncode is not None

    def send_signal(self, number: signal.Signals) -> None:
        """If it still runs."""
        if not self.ended():
            os.kill(self.pid, number)

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Its code and what it wrote, once it has ended; fails after ten minutes."""
        wait_until(self.ended, 600)
        assert self.returncode is not None
        text = self._log.read_text()
        self._log.unlink()
        return subprocess.CompletedProcess(self._arguments, self.returncode, text)


def _ask(*question: object) -> str:
    server = _server()
    assert server.stdin and server.stdout
    server.stdin.write(json.dumps(question) + "\n")
    server.stdin.flush()
    answer = server.stdout.readline().strip()
    assert answer, "the fork server ended"
    return answer


@cache
def _server() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "support.fork_server"]
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    environment = {**os.environ, "PYTHONPATH": path, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "upb"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, text=True, stdin=pipe, stdout=pipe)


def _serve() -> None:
    for module in _IMPORTS:
        importlib.import_module(module)
    gc.freeze()  # a search for cycles in a child would copy all pages it looks at
    for line in sys.stdin:
        question, *about = json.loads(line)
        if question == "fork":
            answer = os.fork()
            if not answer:
                _become(*about)
                return
        else:
            ended, status = os.waitpid(int(about[0]), os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else _RUNNING
        print(answer, flush=True)


def _become(name: str, arguments: list[str], folder: str, log: str, environment: dict[str, str]) -> None:
    """Be the command: its streams, folder, environment and arguments; the interpreter ends as it always does."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, stream in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path not in sys.path]
    sys.argv = [f"star-{name}", *arguments]
    getattr(importlib.import_module(f"star.cli.{name}"), name)()


if __name__ == "__main__":
    _serve()

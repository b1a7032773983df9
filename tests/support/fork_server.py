"""A process that has imported what the commands import, and forks a child for each command: five seconds less for each.

Only for commands that run to their end and need no environment before MindSpore's import. The server starts no threads
of its own, and what the imports start (OpenBLAS's) can be forked.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

_IMPORTS = (
    *("mindspore", "hydra", "mlflow", "mlflow.store.tracking.sqlalchemy_store", "h5py", "matplotlib.pyplot"),
    *("star.cli.train", "star.engine.run", "star.engine.build_network", "star.engine.reevaluate"),
    *("star.engine.measure_robustness", "star.report", "star.study.runner"),
)


def run_forked(name: str, arguments: tuple[str, ...], outputs: Path) -> subprocess.CompletedProcess[str]:
    """Run `star-<name>` to its end as `support.commands.start` would; both streams in `stdout`."""
    server = _server()
    log = outputs / f"{name}.stdout"
    environment = {**os.environ, "STAR_OUTPUTS": str(outputs)}
    assert server.stdin and server.stdout
    json.dump([name, arguments, str(outputs), str(log), environment], server.stdin)
    server.stdin.write("\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    assert answer, "the fork server ended"
    text = log.read_text()
    log.unlink()
    return subprocess.CompletedProcess(arguments, int(answer), text)


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
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _become(*json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


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

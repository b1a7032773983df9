"""Programs of users whose loaders read with processes: how they end, and that nothing is left of them."""

import os
import signal
import subprocess
import sys
import time

import pytest
from support.processes import gone, wait_until

SCRIPT = """
import sys
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.loader import EvaluationLoader
from star.data.worker_pool import shared_pool
loader = EvaluationLoader(read_hitsz_vcm({root!r}).query, frames=4, height=48, width=24, batch=2, workers=2)
batches = iter(loader)
next(batches)
print(*[process.pid for process in shared_pool(2)._workers.values()], flush=True)
input()
{then}
"""


@pytest.fixture
def script(tmp_path, pattern):
    """Starts a script without a main guard, which has read a batch, and then ...; with it the processes it has."""
    started = []

    def start(then: str):
        file = tmp_path / "script.py"
        file.write_text(SCRIPT.format(root=str(pattern.root), then=then))
        process = subprocess.Popen(
            [sys.executable, str(file)],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdin and process.stdout
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.stdin.write("\n")  # what it prints before, `readline` may keep from `communicate`
        process.stdin.flush()
        return process, pids

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_script_without_a_main_guard(script):
    process, pids = script("print(len(list(batches)))")
    assert process.communicate(timeout=60) == ("2\n", "") and process.returncode == 0
    assert len(pids) == 2 and all(map(gone, pids))


def test_nothing_is_left_of_a_run_that_was_killed(script):
    before = os.listdir("/dev/shm")
    process, pids = script("import time; time.sleep(60)")
    assert len(pids) == 2 and not any(map(gone, pids))
    process.kill()
    wait_until(lambda: all(map(gone, pids)))
    assert process.communicate(timeout=60) == ("", "")
    assert not [name for name in os.listdir("/dev/shm") if name not in before and "star" in name]


@pytest.mark.parametrize("to", ["all of the terminal", "every process"])
def test_an_interrupted_run_ends_quietly(script, to):
    process, pids = script("import time; time.sleep(60)")
    if to == "every process":
        for pid in pids:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
                os.kill(pid, number)
        time.sleep(0.2)
        assert not any(map(gone, pids))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors.count("Traceback") == 1 and errors.endswith("KeyboardInterrupt\n")
    assert all(map(gone, pids))


def test_a_fork_leaves_the_processes_alone(script):
    then = "import gc, os\nif os.fork() == 0:\n    del batches, loader\n    gc.collect()\n    os._exit(0)\nos.wait()\n"
    process, _ = script(then + "print(len(list(batches)))")
    assert process.communicate(timeout=60) == ("2\n", "") and process.returncode == 0


DAEMON = """
import sys
from multiprocessing import get_context
def read():
    from star.data.hitsz_vcm import read_hitsz_vcm
    from star.data.loader import EvaluationLoader
    data = read_hitsz_vcm(sys.argv[1])
    print(len(list(EvaluationLoader(data.query, frames=4, height=48, width=24, batch=2, workers=2))), flush=True)
if __name__ == "__main__":
    process = get_context("spawn").Process(target=read, daemon=True)
    process.start()
    process.join()
"""


def test_daemonic_processes_have_processes_too(tmp_path, pattern):
    """Those of joblib are."""
    (tmp_path / "daemon.py").write_text(DAEMON)
    command = [sys.executable, str(tmp_path / "daemon.py"), str(pattern.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("3\n", "")

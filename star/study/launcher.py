"""The missing runs of a study through Hydra's multirun, with a launcher for other processes or a cluster."""

from __future__ import annotations

import getpass
import logging
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from star.config.launchers import joins_ray
from star.errors import StudyError
from star.study.checked_study import CheckedStudy
from star.study.interrupt import StopRequests
from star.study.plan import Plan, Task
from star.study.study import multirun_arguments

logger = logging.getLogger(__name__)

LAUNCHERS = {
    "joblib": ("hydra_joblib_launcher", "joblib"),
    "submitit_local": ("hydra_submitit_launcher", "slurm"),
    "submitit_slurm": ("hydra_submitit_launcher", "slurm"),
    "ray": ("hydra_ray_launcher", "ray"),
}
"""Plugin and extra of each launcher."""

GRACE_SECONDS = 45.0
_POLL_SECONDS = 0.2
_SLURM_SECONDS = 60


def check_launcher(launcher: str) -> None:
    """Refuse a launcher whose plugin is not installed.

    Raises:
        StudyError: names the extra that has it.
    """
    if not is_installed(launcher):
        extra = LAUNCHERS[launcher][1]
        raise StudyError(f"hydra/launcher={launcher} is not installed: pip install -e '.[{extra}]'")


def is_installed(launcher: str) -> bool:
    """Whether the plugin of a launcher is there."""
    plugin = LAUNCHERS[launcher][0]
    return find_spec("hydra_plugins") is not None and find_spec(f"hydra_plugins.{plugin}") is not None


def multirun_of(plan: Plan, tasks: Sequence[Task]) -> list[list[str]]:
    """The arguments of the multiruns that train and continue `tasks`."""
    wanted = [(task.row, task.seed) for task in tasks if task.action == "train"]
    continued = [task.run.run_id for task in tasks if task.action == "resume" and task.run]
    filled_in = plan.checked.filled_in
    multiruns = multirun_arguments(plan.checked.study, wanted, filled_in)
    if continued:
        multiruns.insert(0, [f"resume={','.join(continued)}", *filled_in])
    return [["-m", *arguments] for arguments in multiruns]


def launched(
    multiruns: Sequence[Sequence[str]], launcher: str, jobs: int | None, checked: CheckedStudy
) -> list[list[str]]:
    """Multiruns with Hydra's overrides for a launcher: the user's, and what follows from the study and `jobs`.

    `star.config.launchers` has further ones, for all multiruns.

    Args:
        multiruns: arguments of all of them.
        launcher: name of the launcher.
        jobs: runs at a time, shared out among the multiruns of a queue; None leaves it to the launcher.
        checked: the study and the user's overrides of Hydra.

    Raises:
        StudyError: the number of runs at a time cannot be set.
    """
    ours: dict[str, object] = {}
    if launcher == "joblib":
        ours["hydra.launcher.n_jobs"] = jobs or 1
    if launcher.startswith("submitit"):
        ours["hydra.launcher.name"] = checked.study.name
    if launcher == "submitit_local":
        ours["hydra.sweeper.max_batch_size"] = jobs or 1
    if launcher == "ray":
        if not has_queue(launcher, checked.launcher):
            ours["++hydra.launcher.ray.init.num_cpus"] = jobs or 1
        elif jobs:
            raise StudyError(
                "--jobs: a Ray cluster runs what fits; say what a run takes: hydra.launcher.ray.remote.num_cpus=N"
            )
    chosen = {text.partition("=")[0].lstrip("+") for text in checked.launcher}
    commands = []
    for number, arguments in enumerate(multiruns):
        if launcher == "submitit_slurm" and jobs:
            ours["hydra.launcher.array_parallelism"] = max(1, jobs // len(multiruns) + (number < jobs % len(multiruns)))
        settings = [f"{key}={value}" for key, value in ours.items() if key.lstrip("+") not in chosen]
        commands.append([*arguments, f"hydra/launcher={launcher}", *settings, *checked.launcher])
    return commands


def has_queue(launcher: str, given: Sequence[str]) -> bool:
    """Whether a cluster takes all multiruns at once and sees to how many of their runs go on at a time."""
    return launcher == "submitit_slurm" or (launcher == "ray" and joins_ray(given))


def launch(
    commands: Sequence[Sequence[str]],
    *,
    launcher: str,
    at_once: int,
    environment: Mapping[str, str],
    lock: int,
    program: Sequence[str],
) -> None:
    """Call the multiruns, `at_once` at a time, and wait for their end. What came of each run is in the store.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; the multiruns were ended, jobs that a cluster has taken go on there.
    """
    waiting = [list(command) for command in commands]
    going: list[subprocess.Popen[bytes]] = []
    with StopRequests() as stop:
        while (waiting or going) and not stop.count:
            while waiting and len(going) < at_once:
                command = waiting.pop(0)
                logger.info("%s", shlex.join(["star-train", *command]))
                going.append(
                    subprocess.Popen(
                        [*program, *command],
                        stdin=subprocess.DEVNULL,
                        env=dict(environment),
                        start_new_session=True,
                        pass_fds=[lock],
                    )
                )
            time.sleep(_POLL_SECONDS)
            going = [process for process in going if _is_going(process, launcher)]
        if stop.count:
            _end(going, stop)
            raise KeyboardInterrupt


def _is_going(process: subprocess.Popen[bytes], launcher: str) -> bool:
    """Whether a multirun or a job it has started here is going on.

    A multirun of submitit ends when a job of it is killed, while the others go on; the workers of joblib stay without
    work, then they are ended.
    """
    if process.poll() is None:
        return True
    if launcher == "submitit_local":
        return _signal(process, 0)
    _signal(process, signal.SIGKILL)
    return False


def _end(going: Sequence[subprocess.Popen[bytes]], stop: StopRequests) -> None:
    logger.info("ending %d multiruns; Ctrl-C once more kills them at once", len(going))
    for process in going:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any([process.poll() is None or _signal(process, 0) for process in going]):
        if stop.count > 1 or time.monotonic() > deadline:
            for process in going:
                _signal(process, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to all processes of a multirun; False if there are none any more."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def refuse_queued(name: str) -> None:
    """Refuse a study that has jobs in the queue: they would work on the runs that are about to be started.

    Args:
        name: of the study and its jobs.

    Raises:
        StudyError: there are such jobs, or Slurm cannot be asked.
    """
    command = ["squeue", "--noheader", f"--user={getpass.getuser()}", f"--name={name}", "--format=%i"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_SLURM_SECONDS, check=True)
    except subprocess.CalledProcessError as error:
        raise StudyError(f"Slurm's queue cannot be read: {error.stderr.strip()}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise StudyError(f"Slurm's queue cannot be read: {error}") from error
    if jobs := asked.stdout.split():
        raise StudyError(
            f"Slurm has jobs of this study ({', '.join(jobs)}): wait for their end, or end them with "
            f"scancel --name={name}"
        )

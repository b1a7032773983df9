"""A Slurm cluster of one node on this machine: two devices, and partitions that are pre-empted in different ways."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.mlflow_server import free_port

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
_SECONDS_TO_START = 60
_DEVICES = "/dev/loop[0-1]"
"""Slurm only looks whether they are devices."""
_CONFIGURATION = """
ClusterName=star
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={port}
SlurmdPort={other_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=0
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 Gres=gpu:2
PartitionName=grace Nodes=ALL Default=YES PriorityTier=1 GraceTime=120
PartitionName=abrupt Nodes=ALL PriorityTier=1 GraceTime=0
PartitionName=first Nodes=ALL PriorityTier=10 PreemptMode=OFF
"""


def slurm(*command: str) -> str:
    """What a command of Slurm prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def preempt() -> None:
    """Have a job that needs both devices take the place of all others, and wait until it is over."""
    slurm("sbatch", "--wait", "--partition=first", "--gres=gpu:2", "--output=/dev/null", "--wrap=true")


def hasten() -> None:
    """Start the jobs at once that Slurm keeps waiting for two minutes after they were put into the queue again."""
    for job in slurm("squeue", "--noheader", "--states=PENDING", "--format=%i").split():
        slurm("scontrol", "update", f"jobid={job}", "StartTime=now")


@contextmanager
def slurm_cluster() -> Iterator[None]:
    """A cluster that Slurm's commands and those of this process find; skips where Slurm cannot be started."""
    missing = [name for name in _PROGRAMS if _found(name) is None]
    if missing:
        pytest.skip(f"Slurm is not installed: no {', '.join(missing)} (Debian: apt install slurm-wlm munge)")
    if not all(Path(_DEVICES.replace("[0-1]", str(number))).is_block_device() for number in range(2)):
        pytest.skip(f"no {_DEVICES} to lend to jobs")
    folder = Path(tempfile.mkdtemp(prefix="star-slurm-"))
    folder.chmod(0o755)  # or munged finds its socket out of reach
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    try:
        _write_configuration(folder)
        _start(folder)
        yield
        slurm("scancel", "--user", getpass.getuser())
    finally:
        _stop(folder)
        os.environ.pop("SLURM_CONF")
        if before is not None:
            os.environ["SLURM_CONF"] = before
        shutil.rmtree(folder, ignore_errors=True)


def _write_configuration(folder: Path) -> None:
    ports = {"port": free_port(), "other_port": free_port()}
    text = _CONFIGURATION.format(folder=folder, host=socket.gethostname(), user=getpass.getuser(), **ports)
    (folder / "slurm.conf").write_text(text)
    (folder / "gres.conf").write_text(f"Name=gpu File={_DEVICES}\n")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))


def _start(folder: Path) -> None:
    files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    munge = [f"--{option}={folder}/munge.{suffix}" for option, suffix in files.items()]
    for name, *arguments in (["munged", *munge], ["slurmctld"], ["slurmd"]):
        done = subprocess.run([str(_found(name)), *arguments], capture_output=True, text=True, timeout=60)
        if done.returncode:
            pytest.skip(f"{name} does not start here: {done.stderr.strip()[-500:]}")
    deadline = time.monotonic() + _SECONDS_TO_START
    while "idle" not in (state := slurm("sinfo", "--noheader", "--format=%T")):
        if time.monotonic() > deadline:
            log = (folder / "slurmd.log").read_text()
            pytest.skip(f"the node does not become idle but is {state.strip()}: {log[-500:]}")
        time.sleep(1)


def _stop(folder: Path) -> None:
    for name in ("slurmd", "slurmctld", "munge"):
        file = folder / f"{name}.pid"
        if file.exists():
            pid = int(file.read_text())
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 30
            while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                time.sleep(0.2)


def _found(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")

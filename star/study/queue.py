"""Jobs of a study that Slurm still has from an earlier call."""

from __future__ import annotations

import getpass
import subprocess

from star.errors import StudyError

_SECONDS = 60


def refuse_queued(name: str) -> None:
    """Refuse a study that has jobs in the queue: they would work on the runs that are about to be started.

    Args:
        name: of the study and its jobs.

    Raises:
        StudyError: there are such jobs, or Slurm cannot be asked.
    """
    command = ["squeue", "--noheader", f"--user={getpass.getuser()}", f"--name={name}", "--format=%i"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except subprocess.CalledProcessError as error:
        raise StudyError(f"Slurm's queue cannot be read: {error.stderr.strip()}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise StudyError(f"Slurm's queue cannot be read: {error}") from error
    if jobs := asked.stdout.split():
        raise StudyError(
            f"Slurm has jobs of this study ({', '.join(jobs)}): wait for their end, or end them with "
            f"scancel --name={name}"
        )

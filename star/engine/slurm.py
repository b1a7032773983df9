"""The Slurm job that this process is part of."""

from __future__ import annotations

import logging
import os
import subprocess

logger = logging.getLogger(__name__)

_SECONDS = 60


def takes_the_place() -> bool:
    """Whether Slurm has announced that another job gets the place of this one, and waits for its end.

    It does so with SIGTERM where its administrator has not set `preempt_send_user_signal`. A job that ends on it by
    itself counts as failed and is not put into the queue again, unlike one that is killed after the time of grace.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return False
    try:
        asked = subprocess.run(
            ["scontrol", "show", "job", "--oneliner", job], capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("Slurm does not say whether job %s was pre-empted: %s", job, error)
        return False
    fields = dict(word.split("=", 1) for word in asked.stdout.split() if "=" in word)
    return fields.get("JobState") == "RUNNING" and fields.get("PreemptTime", "None") not in ("None", "N/A")

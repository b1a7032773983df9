"""The device a process computes on."""

from __future__ import annotations

import logging
import os

import mindspore as ms

from star.config.schema import Hardware
from star.engine.launch import is_worker
from star.errors import StarError

logger = logging.getLogger(__name__)


class HardwareError(StarError):
    """A device that cannot be used."""


def select_device(hardware: Hardware) -> None:
    """Make MindSpore use the target of `hardware`.

    Raises:
        HardwareError: the installed MindSpore cannot use the target, or a worker was given no device.
    """
    if hardware.target == "CPU":
        logger.info("CPU, ONEDNN_MAX_CPU_ISA=%s", os.environ.get("ONEDNN_MAX_CPU_ISA", "not set"))
    device_id = own_device(hardware) if hardware.target == "Ascend" else None
    try:
        ms.set_device(hardware.target, device_id)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise HardwareError(
            f"hardware.target={hardware.target}: the installed MindSpore {ms.__version__} cannot use it ({reason}); "
            "use hardware=cpu, or install what this device needs (Ascend: CANN, docs/ascend.md)"
        ) from None
    ms.set_context(mode=ms.PYNATIVE_MODE)


def own_device(hardware: Hardware) -> int:
    """Number of this process's device on its machine: the next free one for each worker, counted by who started it.

    Raises:
        HardwareError: a worker that was given none.
    """
    if not is_worker():
        return hardware.device_id
    given = os.environ.get("DEVICE_ID", "")
    if not given.isdecimal():
        expected = "the number of this worker's device on its machine, as msrun and star-train set it"
        raise HardwareError(f"DEVICE_ID: given {given or 'nothing'}, expected {expected}")
    return int(given)

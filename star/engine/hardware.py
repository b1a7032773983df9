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
        HardwareError: the installed MindSpore cannot use the target.
    """
    if hardware.target == "CPU":
        logger.info("CPU, ONEDNN_MAX_CPU_ISA=%s", os.environ.get("ONEDNN_MAX_CPU_ISA", "not set"))
    try:
        device_id = int(os.environ["DEVICE_ID"]) if is_worker() else hardware.device_id
        ms.set_device(hardware.target, device_id if hardware.target == "Ascend" else None)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise HardwareError(
            f"hardware.target={hardware.target}: the installed MindSpore {ms.__version__} cannot use it ({reason}); "
            "use hardware=cpu, or install MindSpore for this device"
        ) from None
    ms.set_context(mode=ms.PYNATIVE_MODE)

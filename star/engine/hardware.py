"""The device a process computes on. `prepare_environment` must run before MindSpore is imported."""

from __future__ import annotations

import logging
import os
import sys

from star.config.schema import Hardware
from star.errors import StarError

logger = logging.getLogger(__name__)


class HardwareError(StarError):
    """A device that cannot be used."""


def prepare_environment(hardware: Hardware) -> None:
    """Set the environment variables MindSpore reads while it is imported; what the user has set stays.

    MindSpore's oneDNN falls back to its reference convolution on AVX-512 processors, about 100 times slower;
    `hardware.onednn_max_isa=AVX2` avoids it.
    """
    os.environ.setdefault("GLOG_v", "3")
    if hardware.onednn_max_isa is not None and "ONEDNN_MAX_CPU_ISA" not in os.environ:
        os.environ["ONEDNN_MAX_CPU_ISA"] = hardware.onednn_max_isa
        if "mindspore" in sys.modules:
            logger.warning("ONEDNN_MAX_CPU_ISA=%s came after MindSpore's import", hardware.onednn_max_isa)


def select_device(hardware: Hardware) -> None:
    """Make MindSpore use the target of `hardware`.

    Raises:
        HardwareError: the installed MindSpore cannot use the target.
    """
    import mindspore as ms

    if hardware.target == "CPU":
        logger.info("CPU, ONEDNN_MAX_CPU_ISA=%s", os.environ.get("ONEDNN_MAX_CPU_ISA", "not set"))
    try:
        ms.set_device(hardware.target, hardware.device_id if hardware.target == "Ascend" else None)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise HardwareError(
            f"hardware.target={hardware.target}: the installed MindSpore {ms.__version__} cannot use it ({reason}); "
            "use hardware=cpu, or install MindSpore for this device"
        ) from None
    ms.set_context(mode=ms.PYNATIVE_MODE)

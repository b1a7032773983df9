"""The device a process computes on."""

from __future__ import annotations

import logging
import os
from functools import cache

import mindspore as ms
import numpy as np
from mindspore import Tensor

from star.config.schema import Hardware
from star.engine.launch import is_worker
from star.errors import StarError

logger = logging.getLogger(__name__)


_CALL_DEPTH = 5000
"""Of graphs while they are compiled; MindSpore's own limit of 1000 is too low for guided MITML on ResNet-50."""


class HardwareError(StarError):
    """A device that cannot be used."""


def select_device(hardware: Hardware) -> None:
    """Make MindSpore use the target of `hardware`.

    Raises:
        HardwareError: the installed MindSpore cannot use the target, or a worker was given no device.
    """
    if hardware.target == "CPU":
        logger.info("CPU, ONEDNN_MAX_CPU_ISA=%s", os.environ.get("ONEDNN_MAX_CPU_ISA", "not set"))
    try:
        _take_device(hardware.target, None if hardware.target == "CPU" else own_device(hardware))
    except (RuntimeError, ValueError) as error:
        raise HardwareError(
            f"hardware.target={hardware.target}: the installed MindSpore {ms.__version__} cannot use it "
            f"({_reason(error)}); use hardware=cpu, or install what this device needs (Ascend: CANN, docs/ascend.md; "
            "GPU: docs/gpu.md)"
        ) from None
    ms.set_context(mode=ms.PYNATIVE_MODE)
    ms.set_recursion_limit(_CALL_DEPTH)


@cache
def _take_device(target: str, device_id: int | None) -> None:
    """MindSpore takes a device once; asked for the same one again, this does nothing."""
    try:
        ms.set_device(target, device_id)
    except RuntimeError:  # it computes already, which in a notebook need not be ours
        if target != "CPU" or ms.get_context("device_target") != "CPU":
            raise
    if target == "GPU":
        (Tensor(np.ones(1, np.float32)) + 1).asnumpy()  # only the first operator asks for the device


def simulated() -> bool:
    """Whether MindSpore simulates the device: then every result is zero, so nothing may depend on one."""
    return os.environ.get("MS_SIMULATION_LEVEL", "") != ""


def _reason(error: Exception) -> str:
    """The first sentence of an error, without the rulings MindSpore draws around it."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith("---") and line != "- Cuda error:"]
    return said[0] if said else type(error).__name__


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

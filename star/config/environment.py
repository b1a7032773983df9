"""Environment variables that MindSpore reads while it is imported."""

from __future__ import annotations

import os
import sys
import warnings

from star.config.cuda import gpu_problem
from star.config.schema import Hardware


def prepare_environment(hardware: Hardware) -> None:
    """Set what the target needs before MindSpore is imported; what the user has set stays.

    MindSpore's oneDNN falls back to its reference convolution on AVX-512 processors, about 100 times slower;
    `hardware.onednn_max_isa=AVX2` avoids it. `GLOG_v` silences MindSpore's notices about absent Ascend software.
    On the CPU graphs and operators run in the thread that calls them: MindSpore would hand them to threads of its own
    and wait in a busy loop (`AsyncRQueue::Wait`) on a core that those who compute need. A GPU's libraries are loaded,
    if they are here. MindSpore would have protobuf, and with it MLflow, use its slow implementation in Python.
    """
    os.environ.setdefault("GLOG_v", "3")
    if hardware.target == "CPU":
        os.environ.setdefault("MS_DEV_HOST_BLOCKING_RUN", "1")
    if hardware.target == "GPU":
        gpu_problem()
    os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "upb")
    if hardware.onednn_max_isa and "ONEDNN_MAX_CPU_ISA" not in os.environ:
        os.environ["ONEDNN_MAX_CPU_ISA"] = hardware.onednn_max_isa
        if "mindspore" in sys.modules:
            warnings.warn("ONEDNN_MAX_CPU_ISA was set after MindSpore's import and may have no effect", stacklevel=2)

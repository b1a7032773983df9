"""Values of tensors that are still being computed."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from mindspore import Tensor

_LOWEST_PRIORITY = 19


def read(tensor: Tensor) -> np.ndarray:
    """`tensor.asnumpy()`, waited for by a thread of lowest priority.

    MindSpore's wait is a loop that asks again and again, and on the CPU takes up to half of the processor time from the
    kernels it waits for (perf: `AsyncRQueue::Wait`, called by `SyncAsNumpy`).
    """
    return _reader().submit(tensor.asnumpy).result()


@cache
def _reader() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "read-tensors", _step_back)


def _step_back() -> None:
    if sys.platform == "linux":  # elsewhere the priority is that of the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)

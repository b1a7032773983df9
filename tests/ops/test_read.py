"""Values are read by a thread that steps back behind the kernels."""

import os
import sys
import threading

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops

from star.ops import read


def test_values_are_those_of_asnumpy():
    x = np.random.default_rng(0).random((3, 4), np.float32)
    np.testing.assert_array_equal(read(ms.jit(ops.square)(Tensor(x))), ops.square(Tensor(x)).asnumpy())


def test_errors_arrive():
    class Broken:
        def asnumpy(self) -> None:
            raise RuntimeError("no kernel")

    with pytest.raises(RuntimeError, match="no kernel"):
        read(Broken())  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_only_the_reading_thread_has_a_low_priority():
    found = {}

    class Priority:
        def asnumpy(self) -> None:
            found["reader"] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    read(Priority())  # type: ignore[arg-type]
    assert found["reader"] == 19
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own

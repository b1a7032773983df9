"""Reference numbers and small networks for the tests of the models."""

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture
def golden():
    """Reads the reference numbers of one file as {name: array}."""

    def read(name: str) -> dict[str, np.ndarray]:
        with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    return read


@pytest.fixture(params=["eager", "jit"])
def in_mode(request):
    """Calls a function on NumPy arrays in PyNative mode or compiled."""

    def call(function, *arrays):
        tensors = [Tensor(array) for array in arrays]
        return (ms.jit(function) if request.param == "jit" else function)(*tensors)

    return call

"""No operator of the compiled graphs lacks an Ascend kernel, as far as the installed MindSpore wheel says it.

What a kernel of CANN then makes of the types and shapes is not known before a device has run it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import ascend_graphs
from support.ascend_registry import kernels_of
from support.commands import SMALL

COMPILE = Path(ascend_graphs.__file__)

NO_KERNEL = {
    "MakeTuple": "a tuple of the graph; its members are handed on",
    "TupleGetItem": "a member of a tuple",
    "Load": "the value of a parameter",
    "Depend": "an order between operators",
    "UpdateState": "an order between operators",
    "Partial": "a branch with its arguments",
    "Switch": "the choice of a branch: whether the step is left out",
}
"""Primitives that only connect others."""
MESSAGES = {"AllReduce", "AllGather"}
"""What several processes add; their graphs cannot be compiled in one."""
ABSENT = {"LSTM", "NoSuchThing"}
"""What the wheel must be found not to have, or the question would prove nothing. `LSTM` is for other targets."""


def compiled(folder: Path, root: Path, *overrides: str) -> tuple[set[str], set[str]]:
    """The primitives of the compiled step and of the compiled evaluation; their shapes must be static."""
    arguments = [str(folder), *SMALL, "dataset=hitsz_vcm", f"dataset.root={root}", *overrides]
    subprocess.run([sys.executable, str(COMPILE), *arguments], check=True, timeout=600)
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    assert found["step"]["dynamic"] == found["embedder"]["dynamic"] == []
    return set(found["step"]["primitives"]), set(found["embedder"]["primitives"])


def without_kernel(names: set[str], folder: Path) -> set[str]:
    """Those of the primitives, of `MESSAGES` and of `ABSENT` that the wheel has nothing for on Ascend."""
    kernels = kernels_of(sorted((names | MESSAGES | ABSENT) - NO_KERNEL.keys()), folder)
    return {name for name, kinds in kernels.items() if not kinds}


needs_compiler = pytest.mark.skipif(
    not (shutil.which("cc") and shutil.which("nm")), reason="asking the wheel takes a C compiler and nm"
)


@needs_compiler
def test_every_operator_of_the_baseline_has_a_kernel(tiny_root: Path, tmp_path: Path):
    step, embedder = compiled(tmp_path, tiny_root, "experiment=baseline")
    assert {"Conv2D", "BatchNorm"} <= step & embedder
    assert {"SGD", "Conv2DBackpropFilter", "BatchNormGrad"} <= step - embedder
    assert without_kernel(step | embedder, tmp_path) == ABSENT


def test_a_shape_that_is_not_static_is_found():
    line = "  %3(x) = PrimFunc_Add(%1, %2)\n      : (<Tensor[Float32], (4, -1, 3)>) -> (<Tensor[Float32], (4, 2)>)\n"
    assert ascend_graphs.found_in(line) == {"primitives": {"Add": 1}, "dynamic": ["(4, -1, 3)"]}


@pytest.mark.slow
@needs_compiler
def test_every_operator_of_star_has_a_kernel(tiny_root: Path, tmp_path: Path):
    step, embedder = compiled(tmp_path, tiny_root, "experiment=star")
    assert "DynamicRNN" in step & embedder and "DynamicRNNGrad" in step and "LSTM" not in step | embedder
    assert without_kernel(step | embedder, tmp_path) == ABSENT


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(
    "overrides",
    [
        ("experiment=baseline", "aggregation=max"),
        ("experiment=star_release",),
        ("experiment=cross_modality_consistency",),
    ],
    ids=" ".join,
)
def test_every_operator_of_other_experiments_has_a_kernel(overrides: tuple[str, ...], tiny_root: Path, tmp_path: Path):
    step, embedder = compiled(tmp_path, tiny_root, *overrides)
    assert without_kernel(step | embedder, tmp_path) == ABSENT

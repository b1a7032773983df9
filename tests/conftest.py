"""Settings every test needs before MindSpore is imported, and the fixtures they share."""

import gc
import os
import signal
import sys
from pathlib import Path

import pytest

os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
os.environ.setdefault("GLOG_v", "3")
os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")  # or forked commands would start once more
os.environ.setdefault("MS_DEV_HOST_BLOCKING_RUN", "1")  # as star.config.environment sets it on the CPU
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Threads of MindSpore and OpenMP wait in busy loops: workers that share cores spend a third of the time in them.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what it puts into the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "STAR_TEST_HARDWARE" in os.environ:  # as tests/gpu_check.py sets it
    from star.config.check import check_overrides
    from star.engine.hardware import select_device

    select_device(check_overrides(["dataset=synthetic", f"hardware={os.environ['STAR_TEST_HARDWARE']}"]).hardware)

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real tracklets, a pose estimator and reference numbers, beside the checkout on some machines."""
    folder = PROJECT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("../shared (real tracklets, pose model) is not on this machine")
    return folder


def pytest_collection_finish() -> None:
    """Leave what all tests import out of searches for cycles: MindSpore makes one at every export of a graph."""
    gc.freeze()

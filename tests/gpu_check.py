"""What `make gpu-check` does: hold a GPU against the reference numbers and against the CPU.

1. The reference numbers of the authors' code (tests/golden), computed on the device.
2. The first steps of `star` and `baseline` at size cpu: losses on the device against those on the CPU, seconds of a
   step and memory.

Nothing of this has run on a GPU before: please report what it prints, whatever it is (docs/gpu.md).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
STEPS = 10
LARGEST_DIFFERENCE = 1e-3
"""Of the total loss, relative, over the first steps; float32 sums in another order."""


def main() -> int:
    """Print what was found; 0 if all of it is as it should be."""
    parser = argparse.ArgumentParser("gpu_check", description=__doc__)
    parser.add_argument(
        "--hardware", default="gpu", help="of conf/hardware (default: gpu); cpu tries the script itself"
    )
    hardware = parser.parse_args().hardware
    sys.stdout.write(f"1. reference numbers, hardware={hardware}\n")
    sys.stdout.flush()
    golden = sorted(map(str, (TESTS / "models").glob("test_golden_*.py")))
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow or slow", *golden]
    bad = subprocess.run(command, cwd=TESTS.parent, env={**os.environ, "STAR_TEST_HARDWARE": hardware}).returncode
    for experiment in ("baseline", "star"):
        sys.stdout.write(f"\n2. first {STEPS} steps of {experiment} at size cpu, hardware={hardware} and cpu\n")
        found = {name: first_steps(experiment, name) for name in (hardware, "cpu")}
        largest = max(abs(a[2] / b[2] - 1) for a, b in zip(found[hardware], found["cpu"], strict=True))
        bad |= largest > LARGEST_DIFFERENCE
        for name, steps in found.items():
            seconds = statistics.median(step[0] for step in steps[1:])
            losses = " ".join(f"{step[2]:.5f}" for step in steps)
            sys.stdout.write(f"   {name}: compiled in {steps[0][0]:.1f} s, {seconds:.4f} s a step, "
                             f"{steps[-1][3] / 2**20:,.0f} MB on the device, losses {losses}\n")  # fmt: skip
        sys.stdout.write(f"   largest difference of a loss: {largest:.1e} (allowed: {LARGEST_DIFFERENCE:.0e})\n")
    sys.stdout.write("\nall as it should be\n" if not bad else "\nNOT as it should be, see above\n")
    return int(bool(bad))


def first_steps(experiment: str, hardware: str) -> list[list[float]]:
    """Seconds, processor seconds, total loss and bytes on the device of each step; the first one compiles."""
    command = [sys.executable, str(TESTS / "support" / "graph_step.py"), experiment, hardware]
    done = subprocess.run(command, input="\n" * STEPS, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"the steps of {experiment} with hardware={hardware} ended with {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")][:STEPS]


if __name__ == "__main__":
    sys.exit(main())

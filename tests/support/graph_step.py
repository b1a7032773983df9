"""Graph steps of an experiment at size cpu, by whatever version of the software is imported, one at a time.

Called as a program by benchmarks and tests/gpu_check.py: `graph_step.py EXPERIMENT [HARDWARE [OVERRIDE ...]]` compiles,
then makes a step for every line it reads. For the compilation and each step it prints seconds by the clock, seconds of
the processor, the total loss and the most bytes on the device so far, as JSON.
"""

from __future__ import annotations

import inspect
import json
import sys
import time
from typing import Any

import numpy as np

IDENTITIES, LARGEST_STEPS = 200, 1000


def main(experiment: str, hardware: str = "cpu", *overrides: str) -> None:
    from star.config.check import check_overrides

    config = check_overrides(
        [f"experiment={experiment}", "size=cpu", "tracker=none", f"hardware={hardware}", *overrides]
    )
    from star.engine.build_network import build_model, build_step, draws_of_step
    from star.engine.hardware import select_device
    from star.types import TrainBatch

    select_device(config.hardware)
    import mindspore as ms

    draws_of: Any = draws_of_step

    model = build_model(config, identities=IDENTITIES)
    step, _ = build_step(config, model, [np.full(LARGEST_STEPS, 1e-4, np.float32)] * 2)
    asks_the_model = "model" in inspect.signature(draws_of).parameters
    draw = draws_of(config, model) if asks_the_model else draws_of(config)
    rng = np.random.default_rng(0)
    size, clips = config.dataset, config.schedule.identities * config.schedule.tracklets
    frames = [rng.integers(0, 256, (clips, size.frames, size.height, size.width, 3), dtype=np.uint8) for _ in range(2)]
    joints = [rng.random((clips, size.frames, 17, 3), dtype=np.float32) for _ in range(2)]
    batch = TrainBatch(frames[0], frames[1], joints[0], joints[1], np.arange(clips, dtype=np.int32))
    for number in range(LARGEST_STEPS):
        draws = draw(number)
        clock, processor = time.perf_counter(), time.process_time()
        losses = step(batch, draws, number)
        seconds = time.perf_counter() - clock, time.process_time() - processor
        held = 0 if config.hardware.target == "CPU" else ms.runtime.max_memory_allocated()
        print(json.dumps([*seconds, losses["total"], held]), flush=True)
        if not sys.stdin.readline():
            break


if __name__ == "__main__":
    main(*sys.argv[1:])

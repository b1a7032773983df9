"""Time and memory of training steps and of an evaluation batch, on random frames.

Called as a program, because peak memory and MindSpore's settings hold for a whole process:
`step_cost.py STEPS OVERRIDE ...` prints JSON: median seconds of a step and of an embedded batch by the clock, processor
seconds of both, seconds of the first step (with compilation), peak memory in MB.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable

import numpy as np

from star.config.check import check_overrides
from star.types import TrainBatch

IDENTITIES = 200


def measured(run: Callable[[], object], times: int) -> tuple[float, float]:
    """Median seconds by the clock, mean seconds of the processor."""
    clock, began = [], time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        run()
        clock.append(time.perf_counter() - start)
    return float(np.median(clock)), (time.process_time() - began) / times


def main(steps: int, overrides: list[str]) -> None:
    config = check_overrides(overrides)
    from mindspore import Tensor

    from star.engine.build_network import build_embedders, build_model, build_step, draws_of_step
    from star.engine.hardware import select_device

    select_device(config.hardware)
    rng = np.random.default_rng(0)
    schedule, clip = config.schedule, config.dataset
    b = schedule.identities * schedule.tracklets
    frames = [rng.integers(0, 256, (b, clip.frames, clip.height, clip.width, 3), dtype=np.uint8) for _ in range(2)]
    joints = [rng.random((b, clip.frames, 17, 3), dtype=np.float32) for _ in range(2)]
    identities = np.repeat(np.arange(schedule.identities, dtype=np.int32), schedule.tracklets)
    batch = TrainBatch(frames[0], frames[1], joints[0], joints[1], identities)
    model = build_model(config, identities=IDENTITIES)
    step, _ = build_step(config, model, [np.full(steps + 2, 1e-4, np.float32)] * 2)
    draw = draws_of_step(config, model)
    first, _ = measured(lambda: step(batch, draw(0), 0), 1)
    clock, processor = measured(lambda: step(batch, draw(1), 1), steps)
    model.set_train(False)
    embed = build_embedders(config, model)["visible"]
    rows = slice(0, schedule.evaluation_batch)

    def rank() -> None:
        embed(Tensor(frames[0][rows]), Tensor(joints[0][rows])).asnumpy()

    rank()
    evaluation, evaluation_processor = measured(rank, steps)
    found = {"first": first, "step": clock, "step_processor": processor}
    found |= {"evaluation": evaluation, "evaluation_processor": evaluation_processor}
    print(json.dumps(found | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

"""The primitives of the graphs that a configuration would run on Ascend, compiled here as far as no device is needed.

Called as a program, because the faked target and MindSpore's graph dumps hold for a whole process:
`ascend_graphs.py FOLDER OVERRIDE ...` writes `FOLDER/found.json`, by graph ("step", "embedder") its primitives with
their number, and the shapes that are not static.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

_NODE = re.compile(r"\s+%\d+\(.*?\) = (?:PrimFunc_)?(.*)")
_NAME = re.compile(r"(\w+)\(")
_BRANCH = re.compile(r"%\d+\[@FuncUnion\(")
_DYNAMIC = re.compile(r"\((?:\d+, )*-\d[^)]*\)")


def found_in(text: str) -> dict[str, object]:
    """Primitives and shapes of a dumped graph, as MindSpore leaves it before the first pass of a backend."""
    counts: Counter[str] = Counter()
    dynamic: set[str] = set()
    for line in text.splitlines():
        node = _NODE.match(line)
        if node and not _BRANCH.match(node[1]):
            name = _NAME.match(node[1])
            assert name, f"neither a primitive nor a branch that was chosen: {line}"
            counts[name[1]] += 1
        elif line.lstrip().startswith(": "):
            dynamic.update(_DYNAMIC.findall(line))
    return {"primitives": counts, "dynamic": sorted(dynamic)}


def main(folder: Path, overrides: list[str]) -> None:
    os.environ |= {
        "MS_DEV_SAVE_GRAPHS": "1",
        "MS_DEV_SAVE_GRAPHS_PATH": str(folder),
        "MS_DEV_DUMP_IR_PASSES": "validate",
    }
    import mindspore as ms
    import numpy as np
    from mindspore import context

    from star.config.check import check_overrides
    from star.engine.build_data import evaluation_loader, load_data, train_loader
    from star.engine.build_network import build_embedders, build_model, build_step, draws_of_step
    from star.evaluation.evaluator import embed

    config = check_overrides(["hardware=ascend", "hardware.target=CPU", "hardware.loader_workers=1", *overrides])
    ms.set_context(mode=ms.PYNATIVE_MODE)
    real = context.get_context
    context.get_context = lambda key: "Ascend" if key == "device_target" else real(key)
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    rates = np.full(2, 0.01, np.float32)
    step, _ = build_step(config, model, [rates, rates])
    batch = next(iter(train_loader(config, data).epoch(0)))
    draws = draws_of_step(config, model)(0)
    split = data.test_splits[0]
    found: dict[str, object] = {}

    def record(graph: str, run: Callable[[], object]) -> None:
        try:
            run()
        except RuntimeError as error:  # the graph is compiled and dumped; this machine has no kernel for all of it
            if "Kernel select failed" not in str(error):
                raise
        dumped = max(folder.glob("*validate*.ir"), key=lambda path: path.stat().st_mtime_ns)
        found[graph] = found_in(dumped.read_text(errors="replace"))

    record("step", lambda: step(batch, draws, 0))
    model.set_train(False)
    record("embedder", lambda: embed(build_embedders(config, model)[split.modality], evaluation_loader(config, split)))
    (folder / "found.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

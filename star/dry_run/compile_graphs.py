"""The child of a dry run: compiles the graphs of one configuration for Ascend in MindSpore's simulation.

`python -m star.dry_run.compile_graphs FOLDER`, in the environment that `star.dry_run.command` prepares. FOLDER has
`order.pickle` (an `Order` as a tuple); the output of this process goes to `FOLDER/log`. What is known of each graph is
in `FOLDER/found.json` before the next one begins: a simulation may end in a crash.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor
from mindspore.communication import init

from star.dry_run.command import BEGUN, DUMPS, FOUND, LOG, ORDER, Order
from star.dry_run.graphs import Graph, kernels_in, nodes_on_host, open_shapes_in
from star.engine.blank_batch import blank_batch, blank_frames
from star.engine.build_network import build_embedders, build_learner, draws_of_step
from star.engine.failed_part import all_parts, parts_at, places_in, reason_of
from star.engine.hardware import select_device
from star.errors import PartError, StarError
from star.types import MODALITIES, NUMBER_OF_JOINTS, Share

_VALUE_DEPEND = re.compile(r"dry run mode can not support dynamic shape graph .*? kernel:(\S+?),")
_EPOCH = 2
"""Batches of the epoch whose learning rates are built; no schedule is short of steps."""


class Recorder:
    """Calls what compiles a graph, and writes down what that tells.

    Args:
        folder: of the dry run.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.graphs: list[Graph] = []
        self.parts: dict[str, object] = {}

    def add(self, graph: Graph) -> None:
        """Write a graph to the folder, in the place of one of its name."""
        if self.graphs and self.graphs[-1].name == graph.name:
            self.graphs.pop()
        self.graphs.append(graph)
        (self.folder / FOUND).write_text(json.dumps([each._asdict() for each in self.graphs]))

    def compile(self, name: str, call: Callable[[], Tensor]) -> None:
        """Make a call twice: the first one compiles, the second one should not."""
        self.add(Graph(name, error=BEGUN))
        log, dumps = self.folder / LOG, self.folder / DUMPS
        before, start, heard = set(dumps.glob("*.ir")), time.perf_counter(), log.stat().st_size
        ms.runtime.reset_peak_memory_stats()
        seconds, error = 0.0, None
        try:
            call().asnumpy()
            seconds = time.perf_counter() - start
            fresh = set(dumps.glob("*.ir")) - before
            call().asnumpy()
        except Exception as raised:  # a graph that does not compile may raise anything
            error = raised.__cause__ if isinstance(raised, PartError) else raised
            fresh = set(dumps.glob("*.ir")) - before
        texts = [path.read_text(errors="replace") for path in sorted(fresh)]
        with log.open(errors="replace") as file:
            file.seek(heard)
            heard_since = file.read()
        self.add(
            Graph(
                name,
                seconds=seconds,
                peak=ms.runtime.max_memory_allocated(),
                kernels=kernels_in(heard_since),
                host=[node for text in texts for node in nodes_on_host(text, partial(parts_at, self.parts))],
                open_shapes=sorted({shape for text in texts for shape in open_shapes_in(text)}),
                recompiled=bool(set(dumps.glob("*.ir")) - before - fresh),
                error="" if error is None else _reason(error),
                parts=[] if error is None else parts_at(self.parts, places_in(str(error))),
            )
        )


def main(folder: Path) -> None:
    """Compile the training step, once for every set of loss terms that count together, and both embedders."""
    config, identities, rank = Order(*pickle.loads((folder / ORDER).read_bytes()))
    select_device(config.hardware)
    share = Share(rank, config.hardware.processes)
    if share.world_size > 1:
        init()
    learner = build_learner(config, identities, _EPOCH, share)
    model = learner.model
    recorder = Recorder(folder)
    recorder.parts = all_parts(model, learner.losses)
    os.chdir(folder)  # MindSpore writes files of its own into the working folder

    batch, draws = blank_batch(config, model, share), draws_of_step(config, model, share)(0)
    for epoch in sorted({0, *learner.losses.from_epoch}):
        name = "training step" if epoch == 0 else f"training step from epoch {epoch}"
        recorder.compile(name, lambda epoch=epoch: learner.step.launch(batch, draws, epoch).values)
    model.set_train(False)
    rows, size = config.schedule.evaluation_batch, config.dataset
    frames = Tensor(blank_frames(config, model, rows))
    joints = Tensor(np.zeros((rows, size.frames, NUMBER_OF_JOINTS, 3), np.float32))
    embedders = build_embedders(config, model)
    for modality in MODALITIES:
        recorder.compile(f"{modality} embedder", lambda modality=modality: embedders[modality](frames, joints))


def _reason(error: BaseException) -> str:
    text = reason_of(error)
    value_depend = _VALUE_DEPEND.search(text)
    return f"its shapes depend on values, {value_depend[1]} among them" if value_depend else text


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except StarError as error:
        sys.exit(f"error: {error}")

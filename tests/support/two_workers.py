"""What two processes compute together, held by each of them against what it computes alone.

Called as a program by `test_data_parallel.py`: `two_workers.py RESULT OVERRIDE ...`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, ops

from star.config.check import check_overrides
from star.engine.all_reduce import RunningStatisticsMean
from star.engine.build_data import evaluation_loader, load_data, train_loader
from star.engine.build_network import build_embedders, build_model, build_step, draws_of_step
from star.engine.build_step import build_losses, learning_rates_of
from star.engine.processes import Processes, join_processes
from star.evaluation.evaluator import embed
from star.losses import BatchHardTriplet, EasyPositive, ModalityAlignment, WeightedTriplet
from star.models.batch_norm import use_global_batch_norm
from star.types import Share

RATE = 0.05
LOSSES = {
    "triplet": BatchHardTriplet,
    "weighted_triplet": WeightedTriplet,
    "modality_alignment": ModalityAlignment,
    "easy_positive": EasyPositive,
}
"""Losses that compare rows of the whole batch."""


def trained(config, data, share: Share, steps: int) -> tuple:
    """Losses of some steps, all tensors after the first, and the network."""
    model = build_model(config, identities=len(data.train.identities), share=share)
    names = [p.name for p in model.get_parameters()]
    if share.world_size > 1:
        use_global_batch_norm(model, share)
        assert [p.name for p in model.get_parameters()] == names
    groups = learning_rates_of(config, model, build_losses(config, model), steps)
    step, state = build_step(config, model, [np.full(steps, RATE, np.float32)] * len(groups), share)
    draw = draws_of_step(config, model, share)
    values, first = [], {}
    for index, batch in zip(range(steps), train_loader(config, data, share).epoch(0), strict=False):
        values.append(step(batch, draw(index), index))
        first = first or state.tensors()
    return values, first, model, state


def away(gradients: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> float:
    """The largest difference of two sets of gradients, as a share of the largest number in them."""
    largest = max(np.abs(value).max() for value in gradients.values())
    return float(max(np.abs(gradients[name] - others[name]).max() for name in gradients) / largest)


def gradients(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Those of the first step, which the optimisers' moments are multiples of."""
    return {name: value for name, value in tensors.items() if ".accum." in name or ".moment1." in name}


def compared(name: str, features: np.ndarray, labels: dict[str, np.ndarray], share: Share) -> tuple[float, np.ndarray]:
    """A loss over the whole batch and its gradient for the process's rows."""
    term = LOSSES[name](share=share)
    rows = share.of(len(features))
    own = tuple(Tensor(labels[read][rows]) for read in term.reads[1:])

    def loss(x: Tensor) -> Tensor:
        return term(x, *own)

    value, gradient = ms.jit(ms.value_and_grad(loss))(Tensor(features[rows]))
    return float(value), gradient.asnumpy()


def messages(processes: Processes) -> dict[str, object]:
    rank = processes.share.rank
    return {
        "told": processes.tell({"rank": rank, "text": "ä" * (1 + rank)}),
        "sum": processes.sum({"a": rank, "b": 5}),
        "largest": processes.largest(3 * rank),
    }


def statistics(model, processes: Processes) -> float:
    """How far the mean of the running statistics is from what it should be."""
    rank = processes.share.rank
    named = [p for p in model.get_parameters() if p.name.endswith("moving_mean")]
    before = [p.asnumpy().copy() for p in named]
    for parameter in named:
        ops.assign(parameter, parameter + float(rank))
    RunningStatisticsMean(model, processes.share.world_size)()
    return max(float(np.abs(p.asnumpy() - b - 0.5).max()) for p, b in zip(named, before, strict=True))


def main(result: Path, overrides: list[str]) -> None:
    config = check_overrides(overrides)
    processes = join_processes(config.hardware)
    ms.set_context(mode=ms.PYNATIVE_MODE)
    share = processes.share
    data = load_data(config)
    found: dict[str, object] = {"messages": messages(processes), "cores": sorted(os.sched_getaffinity(0))}

    alone, tensors, model, _ = trained(config, data, Share(), 2)
    together, tensors_together, _, state = trained(config, data, share, 2)
    found["losses"] = [alone, together]
    found["tensors"] = {name: float(np.abs(tensors[name] - tensors_together[name]).max()) for name in tensors}
    found["gradients"] = away(gradients(tensors), gradients(tensors_together))
    found["checksum"] = state.checksum()

    random = np.random.default_rng(1)
    features = random.standard_normal((12, 5)).astype(np.float32)
    identities = np.repeat(np.arange(4, dtype=np.int32), 3)[random.permutation(12)]
    labels = {"identities": identities, "modality": random.integers(0, 2, 12).astype(np.int32)}
    found["compared"] = {}
    for name in LOSSES:
        (value, gradient), (value_together, own) = (compared(name, features, labels, s) for s in (Share(), share))
        difference = float(np.abs(own / share.world_size - gradient[share.of(12)]).max())
        found["compared"][name] = [value, value_together, difference]

    model.set_train(False)
    embedders = build_embedders(config, model)
    found["embeddings"] = [
        bool((embed(e, evaluation_loader(config, s)) == embed(e, loader, processes.gather)).all())
        for s in data.test_splits
        for e, loader in [(embedders[s.modality], evaluation_loader(config, s, share))]
    ]
    found["statistics"] = statistics(model, processes)
    result.with_name(f"{result.name}.{share.rank}").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

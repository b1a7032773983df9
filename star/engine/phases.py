"""The epoch from which each parameter is trained: that of the first loss term it has an effect on."""

from __future__ import annotations

from star.losses import WeightedLosses
from star.models.network import Network


def first_epochs(model: Network, losses: WeightedLosses) -> dict[str, int]:
    """The epoch of every parameter, by name, that is not trained from the start.

    What no term reads counts as trained from the start.

    Args:
        model: its wires say which part has an effect on which tensor.
        losses: their terms count from an epoch each.
    """
    needed: dict[str, int] = {}
    for reads, epoch in zip(losses.reads, losses.from_epoch, strict=True):
        for name in reads:
            needed[name] = min(epoch, needed.get(name, epoch))
    first: dict[str, int] = {}
    for row in reversed(model.wires):
        epochs = [needed[name] for name in row.gives if name in needed]
        epoch = min(epochs, default=0)
        for name in row.reads if epochs else ():
            needed[name] = min(epoch, needed.get(name, epoch))
        for parameter in row.cell.trainable_params():
            first[parameter.name] = min(epoch, first.get(parameter.name, epoch))
    for term, epoch in zip(losses.terms, losses.from_epoch, strict=True):
        first |= {parameter.name: epoch for parameter in term.trainable_params()}
    return {name: epoch for name, epoch in first.items() if epoch}

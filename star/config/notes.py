"""Remarks on a valid configuration: what has no effect in this run, or another one than its author may think."""

from __future__ import annotations

from collections.abc import Iterator

from star.config.host_randomness import random_call
from star.config.network_slots import network_slots
from star.config.schema import Config


def notes(config: Config) -> list[str]:
    """One sentence each, beginning with the key; for the log of a run and for `star-check`.

    Args:
        config: checked configuration.
    """
    return list(_notes(config))


def _notes(config: Config) -> Iterator[str]:
    schedule = config.schedule
    epochs = "1 epoch" if schedule.epochs == 1 else f"{schedule.epochs} epochs"
    for name, node in config.loss.items():
        first = node.get("from_epoch", 0) if node else 0
        if first >= schedule.epochs:
            yield f"loss.{name}.from_epoch is {first} and the run has {epochs}: this term never counts"
    if schedule.warmup_epochs >= schedule.epochs:
        yield (
            f"schedule.warmup_epochs is {schedule.warmup_epochs} and the run has {epochs}: it is all warm-up, and the "
            f"learning rate is hardly ever schedule.learning_rate={schedule.learning_rate:g}"
        )
    if str(config.sampler["_target_"]).endswith(".ModalityBlindSampler") and schedule.tracklets == 1:
        yield (
            "schedule.tracklets is 1 with sampler=modality_blind: no two clips of a batch are of one identity, so "
            "losses over pairs see none that belong together"
        )
    for key, slot in network_slots(config).items():
        if not slot.target.__module__.startswith("star.") and (call := random_call(slot.target)):
            yield (
                f"{key}: {slot.target.__name__}.construct calls {call}: a compiled step draws once and has the same "
                "numbers in every step, and no run can be repeated; draw them in `random_inputs`"
            )

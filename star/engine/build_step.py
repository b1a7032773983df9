"""Losses, optimisers and training step of a checked configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from mindspore import nn

from star.config.network_slots import loss_reads, network_slots, setting_of
from star.config.schema import Config
from star.engine.all_reduce import RunningStatisticsMean
from star.engine.loss_scale import LossScale
from star.engine.phases import first_epochs
from star.engine.schedule import learning_rates
from star.engine.step import Further, Optimisers, TrainStep
from star.engine.train_state import NetworkState
from star.errors import ConfigError
from star.losses import WeightedLosses
from star.models.builder import Builder
from star.models.initial import initialise
from star.models.network import Network
from star.models.parameter_groups import Factor, ParameterGroup, parameter_groups
from star.models.recompute import recompute_stages
from star.types import ALONE, Share, Slot


def build_step(
    config: Config,
    model: Network,
    rates: Sequence[np.ndarray],
    share: Share = ALONE,
    losses: WeightedLosses | None = None,
) -> tuple[TrainStep, NetworkState]:
    """One update and the tensors it changes.

    Args:
        config: checked configuration.
        model: the network, changed in place if activations are to be computed again.
        rates: [steps] learning rates of each group of parameters, as `learning_rates_of` orders them.
        share: of every batch.
        losses: of the configuration, if they are there already.
    """
    schedule, hardware = config.schedule, config.hardware
    losses = losses or build_losses(config, model, share)
    if hardware.recompute:
        recompute_stages(model.backbone)
    slots = network_slots(config)
    further = _further(config, slots, model, losses, len(rates[0]))
    optimisers = _optimisers(config, slots["optimiser"], model, losses, rates)
    half = hardware.precision != "O0"
    loss_scale = LossScale(hardware.loss_scale, hardware.loss_scale_window) if half else None
    local_norms = share.world_size > 1 and hardware.batch_norm == "local"
    step = TrainStep(
        model,
        losses,
        Optimisers(optimisers.pop(0), optimisers, further),
        graph=hardware.mode == "graph",
        clip_norm=schedule.clip_norm,
        processes=share.world_size,
        parts=schedule.accumulation_steps,
        loss_scale=loss_scale,
        even_out=RunningStatisticsMean(model, share.world_size) if local_norms else None,
    )
    return step, NetworkState(model, step.optimisers, loss_scale, losses)


def _optimisers(
    config: Config, slot: Slot, model: Network, losses: WeightedLosses, rates: Sequence[np.ndarray]
) -> dict[int, nn.Optimizer]:
    """The optimisers of all parameters but those of further ones, by the epoch they begin in; nearly always one, at 0.

    A parameter that only later loss terms reach is left alone, by weight decay as well, until these count.
    """
    recipe = slot.target(**slot.arguments)
    first = first_epochs(model, losses)
    batches = len(rates[0]) // config.schedule.epochs
    optimisers = {}
    for epoch in sorted({0, *first.values()}):
        groups = []
        for group, rate in zip(_groups(config, model, losses).values(), rates, strict=True):
            own = [parameter for parameter in group.parameters if first.get(parameter.name, 0) == epoch]
            groups.append((own, rate[epoch * batches :], group.decay))
        if any(own for own, _, _ in groups):
            optimisers[epoch] = recipe.build(groups, prefix=f"from_epoch_{epoch}." if epoch else "")
    return optimisers


def _further(
    config: Config, slots: Mapping[str, Slot], model: Network, losses: WeightedLosses, steps: int
) -> list[Further]:
    """The optimisers that step before the main one; the model is cut before the parts they train."""
    found = []
    nodes = {key.rpartition(".")[2]: slot for key, slot in slots.items() if key.startswith("optimiser.further.")}
    for name, slot in nodes.items():
        own = [p for p in model.trainable_params() if re.search(slot.kept["parameters"], p.name)]
        rates = np.full(steps, slot.kept["learning_rate"], np.float32)
        optimiser = slot.target(**slot.arguments).build([(own, rates, 1.0)], prefix=f"further.{name}.")
        found.append(Further(optimiser, tuple(slot.kept["terms"])))
    if found:
        model.cut(_parts_of_further(config, model))
    return found


def _parts_of_further(config: Config, model: Network) -> set[str]:
    patterns = [node["parameters"] for node in (config.optimiser.get("further") or {}).values()]
    return {
        p.name.partition(".")[0] for p in model.trainable_params() for pattern in patterns if re.search(pattern, p.name)
    }


def build_losses(config: Config, model: Network, share: Share = ALONE) -> WeightedLosses:
    """The named loss terms and their weights.

    Args:
        config: checked configuration.
        model: whose outputs they read.
        share: of every batch.
    """
    slots = network_slots(config)
    builder = Builder(setting_of(config, slots, identities=model.identities, share=share), widths=dict(model.widths))
    terms: dict[str, nn.Cell] = {}
    chosen = {key.partition(".")[2]: slot for key, slot in slots.items() if key.startswith("loss.")}
    for name, slot in chosen.items():
        terms[name] = builder.make(slot, model.widths.get(next(iter(loss_reads(slot)), "")))
    if builder.problems:
        raise ConfigError(builder.problems)
    losses = WeightedLosses(
        terms,
        {name: float(slot.kept["weight"]) for name, slot in chosen.items()},
        {name: slot.kept["on"] for name, slot in chosen.items() if "on" in slot.kept},
        {name: slot.kept.get("from_epoch", 0) for name, slot in chosen.items()},
    )
    initialise(losses, config.seed, {f"loss.{name}": term for name, term in terms.items()})
    return losses


def learning_rates_of(config: Config, model: Network, losses: WeightedLosses, batches: int) -> dict[str, np.ndarray]:
    """The learning rate of each step by group of parameters; groups without any are left out.

    Args:
        config: checked configuration.
        model, losses: whose parameters are trained.
        batches: of an epoch.
    """
    schedule = config.schedule
    return {
        name: learning_rates(
            schedule.learning_rate * group.rate,
            epochs=schedule.epochs,
            batches=batches,
            warmup_epochs=schedule.warmup_epochs,
            warmup_per=schedule.warmup_per,
            warmup_start=schedule.warmup_start,
            decay=schedule.decay,
            milestones=schedule.milestones,
            gamma=schedule.gamma,
            floor=schedule.floor,
        )
        for name, group in _groups(config, model, losses).items()
    }


def _groups(config: Config, model: Network, losses: WeightedLosses) -> dict[str, ParameterGroup]:
    factors = {name: Factor(**node) for name, node in (config.optimiser.get("factors") or {}).items()}
    apart = _parts_of_further(config, model)
    own = [parameter for parameter in model.trainable_params() if parameter.name.partition(".")[0] not in apart]
    groups = parameter_groups([*own, *losses.trainable_params()], factors)
    return {name: group for name, group in groups.items() if group.parameters}

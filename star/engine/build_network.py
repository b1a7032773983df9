"""From a checked configuration to network, losses, optimiser and trainer. Configuration ends here."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import nn

from star.config.network import loss_reads, network_slots, outputs_of, setting_of
from star.config.schema import Config
from star.config.slots import Slot
from star.data.loader import TrainLoader
from star.engine.average import RunningStatisticsMean
from star.engine.build_data import evaluation_loader
from star.engine.hardware import select_device
from star.engine.loss_scale import LossScale
from star.engine.optimisers import Factor, ParameterGroup, parameter_groups
from star.engine.phases import first_epochs
from star.engine.processes import Processes
from star.engine.profile import StepProfile
from star.engine.schedule import learning_rates
from star.engine.signals import StopSignals
from star.engine.state import NetworkState
from star.engine.step import Further, TrainStep
from star.engine.trainer import Trainer
from star.errors import ConfigError
from star.evaluation.evaluator import Evaluation, embed, rank_test_set
from star.evaluation.protocols import clip_text
from star.losses import WeightedLosses
from star.models.batch_norm import use_global_batch_norm
from star.models.build import Builder, build_parts, network_of
from star.models.describe import describe_wires, wires_as_text
from star.models.embedder import Embedder
from star.models.initial import initialise
from star.models.network import Network
from star.models.precision import set_precision
from star.models.pretrained import load_pretrained
from star.models.random_inputs import Arrays
from star.models.random_inputs import draws_of_step as draw_inputs
from star.models.recompute import recompute_stages
from star.types import ALONE, MODALITIES, Modality, Share, Tracker, VideoReIDData

logger = logging.getLogger(__name__)

WIRES_FILE = "wires.txt"
"""Of a run's folder: which part reads and gives what."""

_DRAWS = 1
"""Key of the stream of a step's draws, beside the streams of sampler and loader."""


def build_trainer(
    config: Config,
    data: VideoReIDData,
    loader: TrainLoader,
    tracker: Tracker,
    folder: Path,
    stop: StopSignals,
    processes: Processes,
) -> Trainer:
    """Everything one run trains with.

    Args:
        config: checked configuration.
        data: its data set.
        loader: of its training split.
        tracker: open run.
        folder: of the checkpoints.
        stop: ends training after a step, a ranking before its next batch.
        processes: that train together.
    """
    share = processes.share
    several = share.size > 1
    if not several:
        select_device(config.hardware)
    model = build_model(config, identities=len(data.train.identities), share=share)
    losses = build_losses(config, model, share)
    if several and config.hardware.batch_norm == "global":
        use_global_batch_norm(model, share)
        use_global_batch_norm(losses, share)
    if processes.first:
        table = folder.parent / WIRES_FILE
        table.write_text(wires_as_text(describe_wires(model, losses)) + "\n", encoding="utf-8")
        tracker.log_artifact(table)
    rates = learning_rates_of(config, model, losses, loader.batches_per_epoch)
    step, state = build_step(config, model, list(rates.values()), share, losses)
    embedders = build_embedders(config, model)
    checked: dict[Modality, Callable] = {modality: stop.checked(embedders[modality]) for modality in MODALITIES}
    return Trainer(
        step=step,
        state=state,
        loader=loader,
        draw=draws_of_step(config, model, share),
        evaluate=build_evaluation(config, model, data, checked, processes),
        tracker=tracker,
        rates=rates,
        folder=folder,
        stop=stop,
        epochs=config.schedule.epochs,
        evaluate_every=config.schedule.evaluate_every,
        log_every=config.tracker.log_every,
        checkpoint_every=config.checkpoint_every,
        sink_size=config.hardware.sink_size,
        processes=processes,
        profile=_step_profile(config, folder.parent) if processes.first else None,
    )


def build_model(config: Config, *, identities: int, share: Share = ALONE, initial_values: bool = True) -> Network:
    """The network, with pretrained weights if the configuration names some.

    Args:
        config: checked configuration.
        identities: k, classes of the classifiers.
        share: of every batch.
        initial_values: False for a network that is looked at only.

    Raises:
        ConfigError: parts that cannot be built for this data set.
    """
    slots = network_slots(config)
    builder = Builder(setting_of(config, slots, identities=identities, share=share), initial_values)
    parts = build_parts(slots, builder)
    if parts is None:
        raise ConfigError(builder.problems)
    model = network_of(parts, outputs_of(slots))
    model.widths, model.identities = builder.widths, identities
    if not initial_values:
        return model
    initialise(model, config.seed)
    pretrained = config.backbone.get("pretrained")
    if pretrained is not None:
        report = load_pretrained(model.backbone, pretrained)
        logger.info("%s", report.describe())
    set_precision(model, config.hardware.precision)
    return model


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


def _step_profile(config: Config, folder: Path) -> StepProfile | None:
    """What looks at the steps of a run with its files in `folder`, if it is wanted."""
    hardware, schedule, clip, steps = config.hardware, config.schedule, config.dataset, config.debug.profile_steps
    if steps is None:
        return None
    clips = 2 * schedule.identities * schedule.tracklets
    about = {
        "hardware": f"{hardware.target}, {hardware.mode}, {hardware.precision}, {hardware.processes} processes",
        "batch": f"{clips} clips of {clip_text(clip.frames, clip.height, clip.width)}",
    }
    return StepProfile(folder, steps, about)


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
    local_norms = share.size > 1 and hardware.batch_norm == "local"
    step = TrainStep(
        model,
        losses,
        optimisers.pop(0),
        graph=hardware.mode == "graph",
        clip_norm=schedule.clip_norm,
        processes=share.size,
        parts=schedule.accumulation_steps,
        loss_scale=loss_scale,
        even_out=RunningStatisticsMean(model, share.size) if local_norms else None,
        later=optimisers,
        further=further,
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


def build_embedders(config: Config, model: Network) -> dict[Modality, Callable]:
    """The network in evaluation, by modality; in graph mode compiled at the first call."""
    graph = config.hardware.mode == "graph"

    def embedder(modality: Modality) -> Callable:
        cell = Embedder(model, modality)
        return ms.jit(cell) if graph else cell

    return {modality: embedder(modality) for modality in MODALITIES}


def build_evaluation(
    config: Config,
    model: Network,
    data: VideoReIDData,
    embedders: Mapping[Modality, Callable] | None = None,
    processes: Processes | None = None,
) -> Callable[[], Evaluation]:
    """A function that ranks the test set with the model's present weights.

    Args:
        config: checked configuration.
        model: the network.
        data: its test set.
        embedders: of the model, to share what they compiled; None makes new ones.
        processes: that embed a part of every split each, and rank all of it; None: this one alone.
    """
    several = processes is not None and processes.share.size > 1
    share, gather = (processes.share, processes.gather) if processes and several else (ALONE, None)
    embedders = build_embedders(config, model) if embedders is None else embedders
    loaders = [(split, evaluation_loader(config, split, share)) for split in data.test_splits]

    def evaluate() -> Evaluation:
        model.set_train(False)
        features = {split.name: embed(embedders[split.modality], loader, gather) for split, loader in loaders}
        model.set_train(True)
        return rank_test_set(data, features)

    return evaluate


def draws_of_step(config: Config, model: Network, share: Share = ALONE) -> Callable[[int], list[Arrays]]:
    """The random inputs of a step, for every part of its batch, as a function of seed and step.

    Args:
        config: checked configuration.
        model: whose parts draw them.
        share: a process takes its share of those of each part.
    """
    schedule = config.schedule
    halves = "clips" not in model.inputs
    rows = (2 if halves else 1) * schedule.identities * schedule.tracklets
    return draw_inputs(
        model.parts,
        seed=config.seed,
        clips=rows // schedule.accumulation_steps,
        frames=config.dataset.frames,
        accumulation=schedule.accumulation_steps,
        share=share,
        halves=halves,
    )

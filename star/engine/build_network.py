"""Network, losses, optimiser and trainer of a checked configuration. Configuration ends here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import mindspore as ms

from star.config.network_slots import loss_reads, network_slots, outputs_of, setting_of
from star.config.schema import Config
from star.data.loader import TrainLoader
from star.engine.build_data import evaluation_loader
from star.engine.build_step import build_losses, build_step, learning_rates_of
from star.engine.hardware import select_device
from star.engine.learner import Learner
from star.engine.processes import Processes
from star.engine.profile import StepProfile
from star.engine.rerank import build_reranking
from star.engine.signals import StopSignals
from star.engine.trainer import Pace, Trainer
from star.errors import ConfigError
from star.evaluation.evaluator import Evaluation, embed, rank_test_set
from star.evaluation.protocols import clip_text
from star.models.batch_norm import use_global_batch_norm
from star.models.build import build_parts, misfits, network_of
from star.models.builder import Builder
from star.models.describe import describe_wires, wires_as_text
from star.models.embedder import Embedder
from star.models.initial import initialise
from star.models.network import Network
from star.models.precision import set_precision
from star.models.pretrained import load_pretrained
from star.models.random_inputs import Arrays
from star.models.random_inputs import draws_of_step as draw_inputs
from star.types import ALONE, MODALITIES, Modality, Share, Tracker, VideoReIDData
from star.words import counted

logger = logging.getLogger(__name__)

WIRES_FILE = "wires.txt"
"""Of a run's folder: which part reads and gives what."""

Embedders = Mapping[Modality, Callable]
"""What embeds the clips of a modality: `(frames [b t h w 3] uint8, joints [b t j 3]) -> [b d]`, tensors."""
MakeEmbedders = Callable[[Config, Network], Callable[[], Embedders]]
"""Of a network, a function that gives the embedders with its present weights."""

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
    exported: MakeEmbedders | None = None,
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
        exported: as `embedders_of` takes it.
    """
    share = processes.share
    if share.world_size == 1:
        select_device(config.hardware)
    learner = build_learner(config, len(data.train.identities), loader.batches_per_epoch, share)
    model = learner.model
    if processes.first:
        table = folder.parent / WIRES_FILE
        table.write_text(wires_as_text(describe_wires(model, learner.losses)) + "\n", encoding="utf-8")
        tracker.log_artifact(table)
    present = embedders_of(config, model, exported)

    def checked() -> Embedders:
        return {modality: stop.checked(embedder) for modality, embedder in present().items()}

    return Trainer(
        learner,
        loader,
        Pace(
            epochs=config.schedule.epochs,
            evaluate_every=config.schedule.evaluate_every,
            log_every=config.tracker.log_every,
            checkpoint_every=config.checkpoint_every,
            sink_size=config.hardware.sink_size,
        ),
        draw=draws_of_step(config, model, share),
        evaluate=build_evaluation(config, model, data, checked, processes),
        rerank=build_reranking(config, model, data, checked, processes),
        tracker=tracker,
        folder=folder,
        stop=stop,
        processes=processes,
        profile=_step_profile(config, folder.parent) if processes.first else None,
    )


def build_learner(config: Config, identities: int, batches: int, share: Share = ALONE) -> Learner:
    """What is trained on the selected device.

    Args:
        config: checked configuration.
        identities: k, classes of the classifiers.
        batches: of an epoch.
        share: of every batch.

    Raises:
        ConfigError: parts that cannot be built for this data set.
    """
    model = build_model(config, identities=identities, share=share)
    losses = build_losses(config, model, share)
    if share.world_size > 1 and config.hardware.batch_norm == "global":
        use_global_batch_norm(model, share)
        use_global_batch_norm(losses, share)
    rates = learning_rates_of(config, model, losses, batches)
    return Learner(model, losses, rates, *build_step(config, model, list(rates.values()), share, losses))


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
    if parts is not None:
        reads = {key: loss_reads(slot) for key, slot in slots.items() if key.startswith("loss.")}
        builder.problems += misfits(parts, slots, reads, builder.setting)
    if parts is None or builder.problems:
        raise ConfigError(builder.problems)
    model = network_of(parts, outputs_of(slots))
    model.widths, model.identities = builder.widths, identities
    if not initial_values:
        return model
    initialise(model, config.seed)
    pretrained = config.backbone.get("pretrained")
    if pretrained is not None:
        others = {name: part for name, part in model.named_parts.items() if hasattr(part, "translated")}
        others.pop("backbone", None)
        report = load_pretrained(model.backbone, pretrained, others)
        logger.info("%s", report.describe())
    set_precision(model, config.hardware.precision)
    return model


def _step_profile(config: Config, folder: Path) -> StepProfile | None:
    """What looks at the steps of a run with its files in `folder`, if it is wanted."""
    hardware, schedule, clip, steps = config.hardware, config.schedule, config.dataset, config.debug.profile_steps
    if steps is None:
        return None
    clips = 2 * schedule.identities * schedule.tracklets
    processes = counted(hardware.processes, "process", "processes")
    about = {
        "hardware": f"{hardware.target}, {hardware.mode}, {hardware.precision}, {processes}",
        "batch": f"{clips} clips of {clip_text(clip.frames, clip.height, clip.width)}",
    }
    return StepProfile(folder, steps, about)


def embedders_of(config: Config, model: Network, exported: MakeEmbedders | None = None) -> Callable[[], Embedders]:
    """What embeds the test set with the present weights, as `hardware.embedding` says.

    Args:
        config: checked configuration.
        model: the network.
        exported: makes those of `hardware.embedding=onnxruntime`; None: MindSpore computes the features in any case.
    """
    if config.hardware.embedding == "onnxruntime" and exported is not None:
        return exported(config, model)
    embedders = build_embedders(config, model)
    return lambda: embedders


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
    present: Callable[[], Embedders] | None = None,
    processes: Processes | None = None,
) -> Callable[[], Evaluation]:
    """A function that ranks the test set with the model's present weights.

    Args:
        config: checked configuration.
        model: the network.
        data: its test set.
        present: gives the embedders of the present weights; None: MindSpore's.
        processes: that embed a part of every split each, and rank all of it; None: this one alone.
    """
    several = processes is not None and processes.share.world_size > 1
    share, gather = (processes.share, processes.gather) if processes and several else (ALONE, None)
    present = embedders_of(config, model) if present is None else present
    loaders = [(split, evaluation_loader(config, split, share)) for split in data.test_splits]

    def evaluate() -> Evaluation:
        model.set_train(False)
        embedders = present()
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

"""From a checked configuration to network, losses, optimiser and trainer. Configuration ends here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import mindspore as ms
import numpy as np
from hydra.utils import instantiate
from mindspore import nn

from star.config.schema import Config
from star.data.loader import TrainLoader
from star.engine.average import RunningStatisticsMean
from star.engine.build_data import evaluation_loader
from star.engine.hardware import select_device
from star.engine.loss_scale import LossScale
from star.engine.processes import Processes
from star.engine.profile import StepProfile
from star.engine.schedule import learning_rates
from star.engine.signals import StopSignals
from star.engine.state import NetworkState
from star.engine.step import TrainStep, sgd
from star.engine.trainer import Trainer
from star.evaluation.evaluator import Evaluation, embed, rank_test_set
from star.evaluation.protocols import clip_text
from star.losses import BatchHardTriplet, WeightedLosses
from star.models.batch_norm import use_global_batch_norm
from star.models.draws import draw_training, share_of_draws
from star.models.embedder import Embedder
from star.models.normalise import Normalise
from star.models.precision import set_precision
from star.models.pretrained import load_pretrained
from star.models.recompute import recompute_stages
from star.models.reid import VideoReID
from star.models.resnet import ResNet
from star.types import ALONE, MODALITIES, Modality, Share, Tracker, TrainingDraws, VideoReIDData

logger = logging.getLogger(__name__)

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
    if several and config.hardware.batch_norm == "global":
        use_global_batch_norm(model, share)
    schedule = config.schedule
    rates = {
        group: learning_rates(
            schedule.learning_rate * factor,
            epochs=schedule.epochs,
            batches=loader.batches_per_epoch,
            warmup_epochs=schedule.warmup_epochs,
            milestones=schedule.milestones,
            gamma=schedule.gamma,
        )
        for group, factor in (("backbone", schedule.backbone_factor), ("head", 1.0))
    }
    step, state = build_step(config, model, list(rates.values()), share)
    embedders = build_embedders(config, model)
    checked: dict[Modality, Callable] = {modality: stop.checked(embedders[modality]) for modality in MODALITIES}
    return Trainer(
        step=step,
        state=state,
        loader=loader,
        draw=draws_of_step(config, share),
        evaluate=build_evaluation(config, model, data, checked, processes),
        tracker=tracker,
        rates=rates,
        folder=folder,
        stop=stop,
        epochs=schedule.epochs,
        evaluate_every=schedule.evaluate_every,
        log_every=config.tracker.log_every,
        checkpoint_every=config.checkpoint_every,
        sink_size=config.hardware.sink_size,
        processes=processes,
        profile=_step_profile(config, folder.parent) if processes.first else None,
    )


def build_model(config: Config, *, identities: int, share: Share = ALONE) -> VideoReID:
    """The network, with pretrained weights if the configuration names some.

    Args:
        config: checked configuration.
        identities: k, classes of the classifiers.
        share: of every batch.
    """
    b, s = config.backbone, config.skeleton_graph
    model = VideoReID(
        ResNet(b.block, b.layers, b.width, b.style, b.last_stride),
        Normalise(b.mean, b.std, b.channel_order),
        identities=identities,
        frames=config.dataset.frames,
        style_augmentation=config.style.augmentation,
        style_attack=config.style.attack,
        bones=s.bones,
        joints=s.joints,
        frame_guidance=s.frame_guidance,
        sequence_guidance=s.sequence_guidance,
        pose_classifier=s.pose_classifier,
        graph=s.graph,
        coordinates=s.coordinates,
        attention_heads=s.attention_heads,
        joint_dropout=s.joint_dropout,
        joint_attention_dropout=s.joint_attention_dropout,
        pooling=config.pooling.kind,
        power=config.pooling.power,
        guided_powers=config.pooling.guided_powers,
        seed=config.seed,
        share=share,
    )
    if b.pretrained is not None:
        report = load_pretrained(model.backbone, b.pretrained)
        logger.info("%s", report.describe())
    set_precision(model, config.hardware.precision)
    return model


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
    config: Config, model: VideoReID, rates: Sequence[np.ndarray], share: Share = ALONE
) -> tuple[TrainStep, NetworkState]:
    """One update and the tensors it changes.

    Args:
        config: checked configuration.
        model: the network, changed in place if activations are to be computed again.
        rates: [steps] learning rates of `model.parameter_groups()`.
        share: of every batch.
    """
    schedule, hardware = config.schedule, config.hardware
    if hardware.recompute:
        recompute_stages(model.backbone)
    optimiser = sgd(
        list(zip(model.parameter_groups(), rates, strict=True)),
        momentum=schedule.momentum,
        nesterov=schedule.nesterov,
        weight_decay=schedule.weight_decay,
    )
    half = hardware.precision != "O0"
    loss_scale = LossScale(hardware.loss_scale, hardware.loss_scale_window) if half else None
    local_norms = share.size > 1 and hardware.batch_norm == "local"
    step = TrainStep(
        model,
        build_losses(config, share),
        optimiser,
        graph=hardware.mode == "graph",
        clip_norm=schedule.clip_norm,
        processes=share.size,
        parts=schedule.accumulation_steps,
        loss_scale=loss_scale,
        even_out=RunningStatisticsMean(model, share.size) if local_norms else None,
    )
    return step, NetworkState(model, optimiser, loss_scale)


def build_losses(config: Config, share: Share = ALONE) -> WeightedLosses:
    """The named loss terms and their weights."""
    terms: dict[str, nn.Cell] = {
        name: instantiate({key: value for key, value in node.items() if key != "weight"})
        for name, node in config.loss.items()
    }
    for term in terms.values():
        if isinstance(term, BatchHardTriplet):
            term.share_batch(share)
    return WeightedLosses(terms, {name: float(node["weight"]) for name, node in config.loss.items()})


def build_embedders(config: Config, model: VideoReID) -> dict[Modality, Callable]:
    """The network in evaluation, by modality; in graph mode compiled at the first call."""
    graph = config.hardware.mode == "graph"

    def embedder(modality: Modality) -> Callable:
        cell = Embedder(model, modality)
        return ms.jit(cell) if graph else cell

    return {modality: embedder(modality) for modality in MODALITIES}


def build_evaluation(
    config: Config,
    model: VideoReID,
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


def draws_of_step(config: Config, share: Share = ALONE) -> Callable[[int], list[TrainingDraws]]:
    """The random numbers of a step inside the network, for every part of its batch, as a function of seed and step.

    A process takes its share of those of each part.
    """
    schedule, skeleton = config.schedule, config.skeleton_graph

    def draw_part(rng: np.random.Generator) -> TrainingDraws:
        draws = draw_training(
            rng,
            clips=2 * schedule.identities * schedule.tracklets // schedule.accumulation_steps,
            frames=config.dataset.frames,
            gain=(config.style.gain[0], config.style.gain[1]),
            joints=skeleton.joints,
            graph=skeleton.graph,
            joint_dropout=skeleton.joint_dropout,
            joint_attention_dropout=skeleton.joint_attention_dropout,
        )
        return draws if share.size == 1 else share_of_draws(draws, share)

    def draw(step: int) -> list[TrainingDraws]:
        rng = np.random.default_rng([config.seed, _DRAWS, step])
        return [draw_part(rng) for _ in range(schedule.accumulation_steps)]

    return draw

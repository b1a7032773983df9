"""Data sets and loaders of a checked configuration. No MindSpore here: `star-check` uses it too."""

from __future__ import annotations

from dataclasses import replace

from star.config.network_slots import reads_joints
from star.config.schema import Config
from star.config.slots import fill_slot
from star.data.batch_plan import Sampler
from star.data.clip import Reading
from star.data.corruption import Corruption
from star.data.loader import EvaluationLoader, TrainLoader
from star.data.matches import require_matches
from star.data.skeleton_source import require_skeletons
from star.engine.read_data import read_dataset
from star.errors import ConfigError, Problem
from star.types import ALONE, ClipShape, Share, Split, VideoReIDData


def load_data(config: Config, min_frames: int | None = None) -> VideoReIDData:
    """Read the data set of a configuration; generate it before if it is a synthetic one not yet on disk.

    Args:
        config: checked configuration.
        min_frames: instead of `dataset.min_frames`.

    Raises:
        DataError: the data set cannot be used, has nothing to rank, or a split lacks the skeletons an experiment uses.
    """
    dataset = config.dataset if min_frames is None else replace(config.dataset, min_frames=min_frames)
    data = read_dataset(dataset, workers=config.hardware.loader_workers, limit=config.debug.limit_identities)
    require_matches(data)
    if reads_joints(config):
        require_skeletons(data, dataset.min_confidence)
    return corrupted(data, dataset.corruption)


def corrupted(data: VideoReIDData, corruption: Corruption) -> VideoReIDData:
    """The data set with the corruption of its test clips in its protocol."""
    return replace(data, protocol=f"{data.protocol}, {corruption.describe()}") if corruption.used else data


def train_loader(config: Config, data: VideoReIDData, share: Share = ALONE) -> TrainLoader:
    """Batches of P x K clips of both modalities, or a process's share of them.

    Raises:
        ConfigError: the sampler cannot be made of the configuration.
        DataError: too few identities for P, or plans that do not fit the split.
    """
    split = _read_by_network(config, data.train)
    return TrainLoader(
        split,
        _sampler(config, split),
        config.schedule.identities * config.schedule.tracklets,
        _shape(config),
        _reading(config),
        augmentation=config.dataset.augmentation,
        seed=config.seed,
        workers=config.hardware.loader_workers,
        share=share,
        anaglyphs=reads_anaglyphs(config),
    )


def _sampler(config: Config, split: Split) -> Sampler:
    problems: list[Problem] = []
    slot = fill_slot(config, "sampler", problems)
    if slot is None or problems:
        raise ConfigError(problems)
    schedule = config.schedule
    given = {
        "split": split,
        "identities": schedule.identities,
        "tracklets": schedule.tracklets,
        "seed": config.seed,
        "batches": schedule.batches_per_epoch,
    }
    return slot.target(**slot.arguments, **{name: given[name] for name in slot.given})


def evaluation_loader(config: Config, split: Split, share: Share = ALONE) -> EvaluationLoader:
    """Clips of a test split in order, or a process's share of them."""
    return EvaluationLoader(
        _read_by_network(config, split),
        _shape(config),
        _reading(config),
        batch=config.schedule.evaluation_batch,
        workers=config.hardware.loader_workers,
        corruption=config.dataset.corruption,
        share=share,
        anaglyphs=reads_anaglyphs(config),
    )


def reads_anaglyphs(config: Config) -> bool:
    """Whether the encoder reads a second stream of frames."""
    slot = fill_slot(config, "stream", [])
    return slot is not None and getattr(slot.target, "streams", 1) > 1


def _read_by_network(config: Config, split: Split) -> Split:
    """Without its skeletons where the network has no use for them."""
    return split if reads_joints(config) else replace(split, skeletons=None)


def _shape(config: Config) -> ClipShape:
    return ClipShape(config.dataset.frames, config.dataset.height, config.dataset.width)


def _reading(config: Config) -> Reading:
    return Reading(config.dataset.on_bad_frame, config.dataset.min_confidence, config.dataset.cleaning)

"""Data sets and loaders of a checked configuration. No MindSpore here: `star-check` uses it too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from star.config.network import reads_joints
from star.config.schema import Config
from star.config.slots import fill_slot
from star.data.batch_plan import Sampler
from star.data.cleaning import Cleaning
from star.data.colour import ColourOptions
from star.data.corruption import Corruption
from star.data.loader import EvaluationLoader, TrainLoader
from star.data.matches import require_matches
from star.data.skeleton_source import require_skeletons
from star.engine.read_data import read_dataset
from star.errors import ConfigError, Problem
from star.types import ALONE, Share, Split, VideoReIDData


def load_data(config: Config, min_frames: int | None = None) -> VideoReIDData:
    """Read the data set of a configuration; generate it before if it is a synthetic one not yet on disk.

    Args:
        config: checked configuration.
        min_frames: instead of `dataset.min_frames`.

    Raises:
        DataError: the data set cannot be used, has nothing to rank, or lacks the skeletons an experiment uses.
    """
    dataset = config.dataset if min_frames is None else replace(config.dataset, min_frames=min_frames)
    data = read_dataset(dataset, workers=config.hardware.loader_workers, limit=config.debug.limit_identities)
    require_matches(data)
    if reads_joints(config):
        require_skeletons(data)
    return corrupted(data, _corruption(config) or Corruption())


def corrupted(data: VideoReIDData, corruption: Corruption) -> VideoReIDData:
    """The data set with the corruption of its test clips in its protocol."""
    return replace(data, protocol=f"{data.protocol}, {corruption.describe()}") if corruption.used else data


def train_loader(config: Config, data: VideoReIDData, share: Share = ALONE) -> TrainLoader:
    """Batches of P x K clips of both modalities, or a process's share of them."""
    dataset, schedule = config.dataset, config.schedule
    augmentation = dataset.augmentation
    return TrainLoader(
        _read_by_network(config, data.train),
        frames=dataset.frames,
        height=dataset.height,
        width=dataset.width,
        pad=augmentation.pad,
        flip=augmentation.flip,
        erase=augmentation.erase,
        erase_area=(augmentation.erase_area[0], augmentation.erase_area[1]),
        erase_aspect=(augmentation.erase_aspect[0], augmentation.erase_aspect[1]),
        geometry=augmentation.geometry,
        erase_per=augmentation.erase_per,
        colour=ColourOptions(**{name: getattr(augmentation, name) for name in ColourOptions._fields}),
        identities=schedule.identities,
        tracklets=schedule.tracklets,
        batches=schedule.batches_per_epoch,
        seed=config.seed,
        workers=config.hardware.loader_workers,
        on_bad_frame=dataset.on_bad_frame,
        min_confidence=dataset.min_confidence,
        cleaning=_cleaning(config),
        share=share,
        sampler=_sampler(config),
    )


def _sampler(config: Config) -> Callable[..., Sampler]:
    """The sampler's class with the configuration's arguments, called with what it names."""
    problems: list[Problem] = []
    slot = fill_slot(config, "sampler", problems)
    if slot is None or problems:
        raise ConfigError(problems)

    def sampler(**given: Any) -> Sampler:
        return slot.target(**slot.arguments, **{name: given[name] for name in slot.given})

    return sampler


def evaluation_loader(config: Config, split: Split, share: Share = ALONE) -> EvaluationLoader:
    """Clips of a test split in order, or a process's share of them."""
    dataset = config.dataset
    return EvaluationLoader(
        _read_by_network(config, split),
        frames=dataset.frames,
        height=dataset.height,
        width=dataset.width,
        batch=config.schedule.evaluation_batch,
        workers=config.hardware.loader_workers,
        on_bad_frame=dataset.on_bad_frame,
        min_confidence=dataset.min_confidence,
        cleaning=_cleaning(config),
        corruption=_corruption(config),
        share=share,
    )


def _read_by_network(config: Config, split: Split) -> Split:
    """Without its skeletons where the network has no use for them."""
    return split if reads_joints(config) else replace(split, skeletons=None)


def _cleaning(config: Config) -> Cleaning | None:
    options = config.dataset.cleaning
    cleaning = Cleaning(**{name: getattr(options, name) for name in Cleaning._fields})
    return cleaning if cleaning.used else None


def _corruption(config: Config) -> Corruption | None:
    options = config.dataset.corruption
    corruption = Corruption(**{name: getattr(options, name) for name in Corruption._fields})
    return corruption if corruption.used else None

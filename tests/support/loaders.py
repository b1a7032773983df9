"""Loaders from flat keywords, as tests vary them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from star.data.augmentation import AugmentationOptions
from star.data.clip import Reading
from star.data.loader import EvaluationLoader, TrainLoader
from star.data.sampler import PairedSampler
from star.types import ClipShape, Split

STILL: dict[str, Any] = {"pad": 0, "flip": 0.0, "erase": 0.0, "erase_area": [0.02, 0.4], "erase_aspect": [0.3, 3.3]}
MOVING = STILL | {"pad": 4, "flip": 0.5, "erase": 0.5}
_AUGMENTATION = [field.name for field in fields(AugmentationOptions)]


def train_loader(
    split: Split,
    *,
    identities: int = 2,
    tracklets: int = 2,
    batches: int | None = None,
    seed: int = 0,
    workers: int = 2,
    sampler: Callable[..., Any] = PairedSampler,
    **options: Any,
) -> TrainLoader:
    """A loader with `MOVING` augmentation; `options` are those of shape, reading, augmentation and the loader."""
    shape, reading, augmentation = _shape(options), _reading(options), MOVING | _of(options, _AUGMENTATION)
    return TrainLoader(
        split,
        sampler(split, identities=identities, tracklets=tracklets, seed=seed, batches=batches),
        identities * tracklets,
        shape,
        reading,
        augmentation=AugmentationOptions(**augmentation),
        seed=seed,
        workers=workers,
        **options,
    )


def evaluation_loader(split: Split, *, batch: int = 4, workers: int = 2, **options: Any) -> EvaluationLoader:
    """`options` are those of shape, reading and the loader."""
    shape, reading = _shape(options), _reading(options)
    return EvaluationLoader(split, shape, reading, batch=batch, workers=workers, **options)


def _shape(options: dict[str, Any]) -> ClipShape:
    return ClipShape(**_of(options, ClipShape._fields))


def _reading(options: dict[str, Any]) -> Reading:
    return Reading(**_of(options, Reading._fields))


def _of(options: dict[str, Any], names: Any) -> dict[str, Any]:
    return {name: options.pop(name) for name in names if name in options}

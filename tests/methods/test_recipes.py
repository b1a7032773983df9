"""The recipe of every method, key by key, as its authors' code has it, and its rates against those of that code.

As a method stands on real data; what changes at other sizes is in tests/config/test_composition.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from star.config.check import check_overrides
from star.engine.schedule import learning_rates

SCHEDULES = np.load(Path(__file__).parents[1] / "golden" / "schedules.npz")
SGD = {"optimiser._target_": "star.engine.optimisers.SGD", "optimiser.momentum": 0.9, "optimiser.nesterov": True}
ADAM = {
    "optimiser._target_": "star.engine.optimisers.Adam",
    "optimiser.beta1": 0.9,
    "optimiser.beta2": 0.999,
    "optimiser.eps": 1e-8,
}
ADVERSARY = {
    "_target_": "star.engine.optimisers.SGD",
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
    "parameters": r"^modality_classifier\.",
    "terms": ["modality"],
    "learning_rate": 0.01,
}
PAIRED, DRAWING, BLIND = (f"star.data.sampler.{name}Sampler" for name in ("Paired", "Drawing", "ModalityBlind"))
NECK, CLASSIFIER = "star.models.neck.Neck", "star.models.classifier.Classifier"
SAADG_STYLE = (True, [0.5, 1.5], "frame", True, True)
NO_STYLE = (False, None, "frame", False, False)
GROUPS = ("sampler", "optimiser", "schedule", "style", "clip_head", "dataset.frames", "dataset.augmentation")
"""What a recipe says: these and everything below them is in the table."""
ALL = {
    "dataset.augmentation.flip": 0.5,
    "dataset.augmentation.visible_joints": "own",
    "dataset.augmentation.channel_exchange": 0.0,
    "dataset.augmentation.colour_jitter": 0.0,
    "dataset.augmentation.infrared_jitter": 0.0,
    "dataset.augmentation.brightness": 0.5,
    "dataset.augmentation.contrast": 0.5,
    "dataset.augmentation.saturation": 0.5,
    "optimiser.weight_decay": 5e-4,
    "optimiser.factors.backbone.decay": 1.0,
    "schedule.batches_per_epoch": None,
    "schedule.warmup_start": None,
    "schedule.decay": "steps",
    "schedule.floor": 0.0,
    "schedule.gamma": 0.1,
    "schedule.clip_norm": None,
    "schedule.accumulation_steps": 1,
    "schedule.evaluation_batch": 8,
}
"""The same for all."""
KEYS = (
    *("sampler._target_", "clip_head._target_", "optimiser.factors.backbone.pattern"),
    *("optimiser.factors.backbone.rate", "optimiser.further", "schedule.identities", "schedule.tracklets"),
    *("schedule.learning_rate", "schedule.backbone_factor", "schedule.warmup_epochs", "schedule.warmup_per"),
    *("schedule.milestones", "schedule.epochs", "schedule.evaluate_every", "dataset.frames"),
)
AUGMENTATION = (
    *("pad", "erase", "erase_area", "erase_aspect", "erase_law", "erase_fill", "geometry", "erase_per", "joints"),
    *("weighted_greyscale", "greyscale_values"),
)
RELEASE = (0.5, [0.02, 0.4], [0.3, 3.3333333], "uniform", "release")
NOTHING = (0.0, *RELEASE[1:])
STYLE = ("augmentation", "gain", "per", "permute", "attack")
TRUNK, TRUNK_AND_MEMORY = r"^backbone\.", r"^(backbone|pooling)\."
TABLE: dict[str, tuple[dict[str, Any], tuple, tuple, tuple]] = {
    # sampler, test feature, what has the lower rate and how much lower, second optimiser,
    # P, K, rate, its factor of the trunk, warm-up, raised every, milestones, epochs, ranked every, T
    "star": (
        SGD,
        (PAIRED, NECK, TRUNK, 0.1, {}, 8, 2, 0.1, 0.1, 10, "step", [60, 120], 130, 10, 12),
        (10, *RELEASE, "clip", "clip", "follow", 0.0, "rounded"),
        SAADG_STYLE,
    ),
    "baseline": (
        SGD,
        (PAIRED, NECK, TRUNK, 0.1, {}, 8, 2, 0.1, 0.1, 10, "step", [60, 120], 130, 10, 12),
        (10, *RELEASE, "clip", "clip", "follow", 0.0, "rounded"),
        SAADG_STYLE,
    ),
    "star_release": (
        SGD,
        (DRAWING, NECK, TRUNK, 0.1, {}, 8, 2, 0.1, 0.1, 10, "epoch", [60, 120], 130, 10, 12),
        (10, *RELEASE, "frame", "frame", "stay", 0.0, "rounded"),
        SAADG_STYLE,
    ),
    "saadg": (
        SGD,
        (DRAWING, NECK, TRUNK, 0.1, {}, 8, 2, 0.1, 0.1, 10, "epoch", [60, 120], 201, 10, 6),
        (10, *RELEASE, "frame", "frame", "follow", 0.0, "rounded"),
        SAADG_STYLE,
    ),
    "mitml": (
        SGD,
        (DRAWING, NECK, TRUNK_AND_MEMORY, 0.1, {"modality_classifier": ADVERSARY},
         8, 2, 0.1, 0.1, 10, "epoch", [35, 80], 200, 10, 6),
        (10, *NOTHING, "frame", "clip", "follow", 0.0, "rounded"),
        NO_STYLE,
    ),
    "agw": (
        SGD,
        (PAIRED, NECK, TRUNK, 0.1, {}, 8, 2, 0.1, 0.1, 10, "step", [60, 120], 130, 10, 12),
        (10, *NOTHING, "clip", "clip", "follow", 0.0, "rounded"),
        NO_STYLE,
    ),
    "m3reid": (
        ADAM,
        (BLIND, CLASSIFIER, TRUNK, 1.0, {}, 4, 8, 2e-4, 1.0, 0, "step", [80, 120], 200, 1, 6),
        (5, 0.5, [0.02, 0.33], [0.3, 3.3], "log_uniform", "mean", "clip", "clip", "follow", 0.5, "cut"),
        (True, [0.5, 1.5], "clip", False, False),
    ),
}  # fmt: skip
"""Optimiser; KEYS; AUGMENTATION; STYLE."""


def flat(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and path != "optimiser.further":
            yield from flat(value, f"{path}.")
        elif path.startswith(GROUPS):
            yield path, value


@pytest.mark.parametrize("method", TABLE)
def test_every_key_of_the_recipe(method: str, tmp_path: Path):
    config = check_overrides([f"method={method}", "dataset=hitsz_vcm", f"dataset.root={tmp_path}"])
    optimiser, keys, augmentation, style = TABLE[method]
    expected = {
        **ALL,
        **optimiser,
        **dict(zip(KEYS, keys, strict=True)),
        **{f"dataset.augmentation.{k}": v for k, v in zip(AUGMENTATION, augmentation, strict=True)},
        **{f"style.{k}": v for k, v in zip(STYLE, style, strict=True)},
    }
    assert dict(flat(asdict(config))) == expected


@pytest.mark.parametrize(
    "method, overrides",
    [("m3reid", []), ("saadg", []), ("mitml", []), ("agw", ["schedule=agw"]), ("star_release", [])],
)
def test_the_rate_of_every_epoch_is_that_of_the_authors_code(method: str, overrides: list[str], tmp_path: Path):
    schedule = check_overrides([f"method={method}", *overrides, f"dataset.root={tmp_path}"]).schedule
    rates = learning_rates(
        schedule.learning_rate,
        epochs=schedule.epochs,
        batches=3,
        warmup_epochs=schedule.warmup_epochs,
        warmup_per=schedule.warmup_per,
        milestones=schedule.milestones,
        gamma=schedule.gamma,
    ).reshape(-1, 3)
    theirs = SCHEDULES["saadg" if method == "star_release" else method][: schedule.epochs]
    np.testing.assert_allclose(rates, np.repeat(theirs[:, None], 3, axis=1), rtol=1e-6)

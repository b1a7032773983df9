"""Batches blind to the modality: one stem, mixed clips, with skeletons and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.commands import SMALL

from star.config.check import check_overrides
from star.data.contact_sheet import augmented_sheet
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_evaluation, build_model, build_step, draws_of_step
from star.types import MixedBatch, Share

BLIND = ("sampler=modality_blind", "stream=mixed", "backbone.stems=one", "style=none", "aggregation=mean")
PLAIN = ("skeleton_graph=none", "loss=plain")


def configure(root: Path, *overrides: str):
    small = (*SMALL, "schedule.tracklets=2", "dataset=hitsz_vcm", f"dataset.root={root}")
    return check_overrides([*small, *BLIND, *overrides])


@pytest.mark.parametrize(
    "overrides",
    [PLAIN, ("skeleton_graph=full", "loss=plain"), ("skeleton_graph=none", "loss=plain", "optimiser=adam")],
    ids=["plain", "guided", "adam"],
)
def test_a_network_with_one_stem_trains_and_ranks(overrides: tuple[str, ...], tiny_root: Path, tmp_path: Path):
    config = configure(tiny_root, *overrides, "hardware.mode=pynative", "schedule.learning_rate=0.001")
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    assert {name for name in model.inputs if "." not in name} >= {"clips"} and "visible" not in model.inputs
    step, state = build_step(config, model, [np.full(2, 0.001, np.float32)] * 2)
    draw, before = draws_of_step(config, model), state.tensors()
    for number, batch in enumerate(train_loader(config, data).epoch(0)):
        assert isinstance(batch, MixedBatch) and batch.clips.shape[0] == 4
        assert np.isfinite(list(step(batch, draw(number), number).values())).all()
    after = state.tensors()
    moved = {name for name in after if not np.array_equal(after[name], before[name])}
    assert {"model.backbone.shared_stem.conv.weight", "model.clip_neck.classifier.weight"} <= moved
    assert not any("visible_stem" in name for name in after)
    scores = build_evaluation(config, model, data)().scores
    assert all(0 < score.mean_average_precision <= 1 for score in scores.values())
    assert augmented_sheet(batch, data.train.identities, tmp_path / "batch.png").stat().st_size > 1000


def test_rows_carry_their_modality_and_processes_share_them(tiny_root: Path):
    config = configure(tiny_root, *PLAIN)
    data = load_data(config)
    (whole, *_), *halves = (
        list(train_loader(config, data, share).epoch(0)) for share in (Share(), Share(0, 2), Share(1, 2))
    )
    for name in MixedBatch._fields:
        together = np.concatenate([getattr(half[0], name) for half in halves])
        np.testing.assert_array_equal(together, getattr(whole, name))
    of_label = {label: identity for label, identity in enumerate(data.train.identities)}
    infrared = {t.identity for t in data.train.tracklets if t.modality == "infrared"}
    for label, modality in zip(whole.identities, whole.modality, strict=True):
        assert modality == 0 or of_label[label] in infrared
    assert whole.identities[0] == whole.identities[1] and whole.identities[2] == whole.identities[3]

"""The exported embedders follow the weights of the network they were made of."""

from __future__ import annotations

import numpy as np
from mindspore import Tensor
from support.methods import EXTRA

import star.export.embedders
from star.config.check import check_overrides
from star.engine.build_network import build_model, embedders_of
from star.export.embedders import exported_embedders
from star.models.embedder import Embedder
from star.types import MODALITIES, Modality

METHOD = "m3reid"
SETTING = ("dataset=synthetic", "dataset.frames=3", "dataset.height=64", "dataset.width=32", "backbone=tiny",
           "backbone.width=4", "schedule.evaluation_batch=2", f"experiment={METHOD}", *EXTRA[METHOD])  # fmt: skip


def test_they_follow_the_weights_and_are_traced_once(monkeypatch):
    config = check_overrides([*SETTING, "hardware.embedding=onnxruntime"])
    network = build_model(config, identities=5)
    rng = np.random.default_rng(0)
    clips = Tensor(rng.integers(0, 256, (2, 3, 64, 32, 3), dtype=np.uint8)), Tensor(np.zeros((2, 3, 17, 3), np.float32))
    traced = []

    def counted(cell, inputs, trace=star.export.embedders.trace_batch):
        traced.append(cell)
        return trace(cell, inputs)

    monkeypatch.setattr(star.export.embedders, "trace_batch", counted)
    present = embedders_of(config, network, exported_embedders)
    network.set_train(False)

    def features(modality: Modality) -> np.ndarray:
        found = present()[modality](*clips).asnumpy()
        np.testing.assert_allclose(found, Embedder(network, modality)(*clips).asnumpy(), rtol=0, atol=1e-5)
        return found

    before = {modality: features(modality) for modality in MODALITIES}
    for parameter in network.get_parameters():
        if parameter.name.endswith(".weight") and parameter.ndim == 4:
            noise = rng.normal(scale=0.1, size=parameter.shape).astype(np.float32)
            parameter.set_data(Tensor(parameter.asnumpy() + noise))
    for modality in MODALITIES:
        assert np.abs(features(modality) - before[modality]).max() > 1e-3
    assert len(traced) == len(MODALITIES)


def test_without_an_exporter_mindspore_embeds():
    config = check_overrides([*SETTING, "hardware.embedding=onnxruntime"])
    network = build_model(config, identities=5)
    assert set(embedders_of(config, network)()) == set(MODALITIES)

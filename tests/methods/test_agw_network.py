"""The whole network of AGW against its authors' numbers, on frames as clips of one frame."""

from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor
from support.method_networks import method_network
from support.method_numbers import drawn, gradients_of, set_weights

from star.losses import Identity, WeightedTriplet

NAMES = [
    ("backbone.visible_stem.", "agw.visible_module.visible."),
    ("backbone.infrared_stem.", "agw.thermal_module.thermal."),
    *(
        (f"backbone.stage{stage}.non_local_{block}.{ours}.", f"agw.NL_{stage}.{place}.{theirs}.")
        for stage, first, count in ((2, 2, 2), (3, 3, 3))
        for place, block in enumerate(range(first, first + count))
        for ours, theirs in (("theta", "theta"), ("phi", "phi"), ("g", "g.0"), ("out", "W.0"), ("norm", "W.1"))
    ),
    ("backbone.stage", "agw.base_resnet.base.layer"),
    ("clip_neck.norm.", "agw.bottleneck."),
    ("clip_neck.classifier.", "agw.classifier."),
]


def smaller(name: str) -> float:
    """Factor on a weight, as in the reference."""
    return 0.05 if ".theta." in name or ".phi." in name else 1.0


@pytest.fixture
def network(shared):
    model, _ = method_network("agw", frames=1)
    set_weights(model.get_parameters(), NAMES, smaller)
    return model


def frames(modality: str) -> np.ndarray:
    return drawn(f"agw_{modality}", 4, 3, 64, 32)[:, None]


def test_retrieval_features(network, reference):
    z = reference("agw_train")
    network.set_train(False)
    for modality in ("visible", "infrared"):
        x = Tensor(frames(modality))
        joints = Tensor(np.zeros((4, 1, 17, 3), np.float32))
        z.check(f"eval_{modality}", network.embed_normalised(x, joints, modality == "infrared").asnumpy()[:2])
    pooled = network.encoder.embed(Tensor(frames("visible")), False)[0].asnumpy()[:1]
    z.check("pooled_visible", pooled / np.linalg.norm(pooled, axis=1, keepdims=True))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_a_training_step(network, reference, compiled):
    z = reference("agw_train")
    network.set_train(True)
    identities = Tensor(z["identities"].astype(np.int32))
    identity, triplet = Identity(), WeightedTriplet()
    visible, infrared = Tensor(frames("visible")), Tensor(frames("infrared"))

    def forward():
        output = network.train_normalised(visible, infrared)
        features, logits = output["clip_features"], output["clip_logits"]
        terms = identity(logits, identities), triplet(features / 16.0, identities)
        return terms[0] + terms[1], (features, logits, *terms)

    (total, (features, logits, *terms)), _, norms = gradients_of(forward, compiled, network, [])
    z.check("frame_feature", features[:2])
    z.check("logits", logits)
    z.check("term_identity", terms[0])
    z.check("term_weighted_triplet", terms[1])
    z.check("total", total)
    z.check_norms(norms, NAMES, "agw.")

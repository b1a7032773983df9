"""The whole network of M3-ReID against its authors' numbers."""

from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor
from support.method_networks import method_network
from support.method_numbers import drawn, gradients_of, set_weights

from star.engine.build_step import build_losses

NAMES = [
    ("backbone.shared_stem.", "m3.backbone."),
    *(
        (f"backbone.stage{stage}.non_local_{block}.{ours}.", f"m3.NL_{stage}.{place}.{theirs}.")
        for stage, first, count in ((2, 2, 2), (3, 3, 3))
        for place, block in enumerate(range(first, first + count))
        for ours, theirs in (("theta", "theta"), ("phi", "phi"), ("g", "g"), ("out", "W.0"), ("norm", "W.1"))
    ),
    ("backbone.stage", "m3.backbone.layer"),
    ("frame_pooling.", "m3.mvl_attention.view_attention_"),
    ("pooling.norm.", "m3.bn_neck."),
    ("clip_neck.classifier.", "m3.classifier."),
    ("frame_classifier.classifier.", "m3.classifier_frame."),
]
TERMS = ("identity", "frame_identity", "alignment", "frame_alignment", "orthogonal_frames", "diverse_attention")


def smaller(name: str) -> float:
    """Factor on a weight, as in the reference."""
    return 0.05 if ".theta." in name or ".phi." in name else 1.0


@pytest.fixture
def built(shared):
    model, config = method_network("m3reid", "style=none", frames=2)
    set_weights(model.get_parameters(), NAMES, smaller)
    return model, config


def test_retrieval_features(built, reference):
    z = reference("m3_train")
    network, _ = built
    network.set_train(False)
    joints = Tensor(np.zeros((4, 2, 17, 3), np.float32))
    features = network.embed_normalised(Tensor(drawn("m3_clips", 4, 2, 3, 64, 32)), joints, False).asnumpy()
    z.check("eval", features[:2])
    z.check("eval_similarity", features @ features.T)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
def test_a_training_step(built, reference, compiled):
    z = reference("m3_train")
    network, config = built
    network.set_train(True)
    losses = build_losses(config, network)
    identities = Tensor(z["identities"].astype(np.int32))
    modality = Tensor((z["modality"] == 1).astype(np.int32))
    clips = Tensor(drawn("m3_clips", 4, 2, 3, 64, 32))
    inputs = {"clips": clips, "identities": identities, "modality": modality}
    given = tuple(inputs[name] for name in network.inputs)
    by_view = losses.terms[losses.names.index("diverse_attention")].by_view

    def forward():
        output = network.train_normalised(*given)
        total, terms = losses(output, identities)
        masks = by_view(output["attention_masks"])
        return total, (output["clip_features"], output["clip_logits"], output["frame_logits"], masks, terms)

    (total, (clip, logits, frame_logits, masks, terms)), _, norms = gradients_of(forward, compiled, network, [])
    z.check("clip_embedding", clip[:1])
    z.check("clip_logits", logits)
    z.check("frame_logits", frame_logits.reshape(4, 2, 10))
    for view, mask in zip(("hw", "tw", "th"), masks, strict=True):
        z.check(f"masks_{view}", mask)
    assert losses.names == TERMS
    for name, term in zip(TERMS, terms, strict=True):
        z.check(f"term_{name}", term)
    z.check("total", total)
    z.check_norms(norms, NAMES, "m3.")

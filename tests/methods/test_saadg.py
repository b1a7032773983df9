"""SAADG's interaction and its whole network against its authors' numbers, eager and compiled."""

from __future__ import annotations

import numpy as np
import pytest
from mindspore import Tensor, nn, ops
from support.method_networks import method_network
from support.method_numbers import drawn, gradients_of, set_weights

from star.config.check import check_overrides
from star.engine.build_step import build_losses
from star.errors import ConfigError
from star.losses import FrameIdentity, Mutual
from star.models.interaction import CrossModalInteraction, CrossViewInteraction, Interaction

MODES = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
NAMES = [
    ("backbone.visible_stem.", "saadg.visible_module.visible."),
    ("backbone.infrared_stem.", "saadg.thermal_module.thermal."),
    ("backbone.stage", "saadg.base_resnet.base.layer"),
    *(
        (f"{ours}.{part}.", f"saadg.{theirs}.")
        for ours, name in (("cross_view", "intra_gcn"), ("cross_modal", "inter_gcn"))
        for part, theirs in (
            ("convolution.linear", f"{name}_conv.lin"),
            ("convolution", f"{name}_conv"),
            ("neck.norm", f"{name}_bottleneck"),
            ("neck.classifier", f"{name}_classifier"),
        )
    ),
    *(
        (f"{ours}_neck.{part}.", f"saadg.{theirs}_{name}.")
        for ours, theirs in (("frame", "local"), ("clip", "global"))
        for part, name in (("norm", "bottleneck"), ("classifier", "classifier"))
    ),
]


@MODES
@pytest.mark.parametrize(("kind", "name"), [(CrossViewInteraction, "intra"), (CrossModalInteraction, "inter")])
def test_graph_convolution(reference, compiled: bool, kind: type[Interaction], name: str):
    z = reference(f"saadg_{name}")
    cell = kind(32, 5, 2)
    renaming = [("convolution.linear.", f"{name}_gcn_conv.lin."), ("convolution.", f"{name}_gcn_conv.")]
    set_weights(cell.convolution.get_parameters(), renaming)
    probe = Tensor(drawn(f"probe_saadg_{name}", 96, 32).reshape(32, 3, 32))

    def run(frames):
        out = cell.exchange(frames)
        return ops.sum(out * probe), out

    (_, out), gradients, norms = gradients_of(run, compiled, cell.convolution, [z["frames"]])
    rows, gradient = z["rows"], gradients[0].asnumpy()
    z.check("out", out.asnumpy()[rows])
    z.check("out_norm", np.linalg.norm(out.asnumpy().astype(np.float64)))
    z.check("frames_grad", gradient[rows])
    z.check("frames_grad_norm", np.linalg.norm(gradient.astype(np.float64)))
    z.check_norms(norms, renaming)


@MODES
def test_losses(reference, compiled):
    z = reference("saadg_losses")
    labels = Tensor(z["labels"].astype(np.int32))
    identity, mutual = FrameIdentity(), Mutual()

    def run(frames, intra, inter):
        interaction = 0.5 * identity(intra, labels) + 0.5 * identity(inter, labels)
        both = 0.5 * mutual(frames, intra) + 0.5 * mutual(frames, inter)
        return interaction + both, (interaction, both)

    names = ("frame_logits", "intra_logits", "inter_logits")
    (_, (interaction, both)), gradients, _ = gradients_of(run, compiled, None, [z[name] for name in names])
    z.check("interaction_identity", interaction)
    z.check("mutual", both)
    for name, gradient in zip(names, gradients, strict=True):
        z.check(f"{name}_grad", gradient)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["eager", "jit"])
def test_a_training_step(reference, compiled):
    z = reference("saadg_train")
    network, config = method_network("saadg", frames=2)
    set_weights(network.get_parameters(), NAMES)
    network.set_train(True)
    losses = build_losses(config, network)
    backwards = np.arange(32, dtype=np.int32)[::-1]
    inputs = {
        "visible": drawn("saadg_visible", 16, 6, 64, 32).reshape(16, 2, 3, 64, 32),
        "infrared": drawn("saadg_infrared", 16, 6, 64, 32).reshape(16, 2, 3, 64, 32),
        "gains": np.ones((32, 2, 3), np.float32),
        "channels": np.tile(np.arange(3, dtype=np.int32), (32, 2, 1)),
        "same_modality": np.concatenate([backwards, 32 + backwards]),
        "other_modality": np.concatenate([32 + backwards, backwards]),
    }
    given = tuple(Tensor(inputs[name]) for name in network.inputs)
    identities = Tensor(np.tile(z["identities"], 2).astype(np.int32))
    wanted = ("clip_features", "clip_logits", "frame_logits", "disturbed_logits")

    def forward():
        output = network.train_normalised(*given)
        total, terms = losses(output, identities)
        logits = output["cross_view_logits"], output["cross_modal_logits"]
        return total, (tuple(output[name] for name in wanted), logits, terms)

    (total, (tensors, logits, terms)), _, norms = gradients_of(forward, compiled, network, [])
    features = tensors[0].asnumpy()
    z.check("clip_feature", features[:4])
    z.check("clip_feature_norms", np.linalg.norm(features, axis=1))
    for name, tensor in zip((*wanted[1:], "intra_logits", "inter_logits"), (*tensors[1:], *logits), strict=True):
        z.check(name, tensor)
    values = {name: float(term) for name, term in zip(losses.names, terms, strict=True)}
    for name in ("identity", "triplet", "frame_identity", "disturbed_identity", "defence"):
        z.check(f"term_{name}", values[name])
    for name, kind in (("interaction_identity", "identity"), ("mutual", "mutual")):
        z.check(f"term_{name}", 0.5 * (values[f"cross_view_{kind}"] + values[f"cross_modal_{kind}"]))
    z.check("total", total)
    z.check_norms(norms, NAMES, "saadg.")


@pytest.mark.parametrize("tracklets", [1, 3, 4])
def test_another_number_of_tracklets_is_refused(tracklets: int):
    with pytest.raises(ConfigError, match=rf"schedule\.tracklets: given {tracklets}, expected 2, .*it joins two"):
        check_overrides(["method=saadg", "dataset=synthetic", f"schedule.tracklets={tracklets}"])


def test_both_exchanges_keep_the_order_of_frames():
    frames = np.abs(np.random.default_rng(0).standard_normal((8, 3, 4))).astype(np.float32)
    for kind in (CrossViewInteraction, CrossModalInteraction):
        cell = kind(4, 5, 2)
        cell.convolution.linear = nn.Identity()
        out = cell.exchange(Tensor(frames)).asnumpy()
        for row in range(8):
            alone = frames.copy()
            alone[[other for other in range(8) if other != row]] = 0
            kept = cell.exchange(Tensor(alone)).asnumpy()
            np.testing.assert_allclose(kept[row], frames[row], rtol=1e-5)
        assert out.shape == frames.shape

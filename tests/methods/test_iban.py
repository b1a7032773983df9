"""IBAN's parts and losses against its authors' numbers, eager and compiled."""

from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops
from support.commands import SMALL
from support.method_numbers import drawn, gradients_of, set_weights

from star.config.check import check_overrides
from star.config.schema import Config
from star.data.anaglyph import anaglyph, anaglyph_frame
from star.engine.build_network import build_losses, build_model
from star.engine.phases import first_epochs
from star.errors import ConfigError
from star.losses import EasyPositive, ReconstructionError
from star.models.bidirectional_gates import BidirectionalGates
from star.models.cross_non_local import CrossNonLocal, Layout
from star.models.embedder import Embedder
from star.models.network import Network
from star.models.parameter_groups import Factor, parameter_groups
from star.models.pooling import Mean
from star.models.pretrained import our_names
from star.models.reconstruction import Reconstruction

MODES = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
BLOCK = [
    (ours, f"iban_cross.cross_atten.{theirs}.")
    for ours, theirs in (("theta.", "theta"), ("phi.", "phi.0"), ("g.", "g.0"), ("out.", "W.0"), ("norm.", "W.1"))
]
GATES = [
    (f"gates.{place}.{ours}.", f"temporal_feat_learning.{name}.")
    for place, letter in enumerate("abcdef")
    for ours, name in (("linear", letter), ("squeeze", f"se_{place + 1}.fc.0"), ("excite", f"se_{place + 1}.fc.2"))
]
MEMORIES = [("ahead.lstm.", "lstm_o."), ("back.lstm.", "lstm_r.")]


def block(layout: Layout) -> CrossNonLocal:
    cell = CrossNonLocal(16, 6, layout)
    set_weights(cell.get_parameters(), BLOCK)
    return cell


@MODES
def test_cross_non_local_block(reference, compiled):
    z = reference("iban_cross")
    given = [z["frames"], z["anaglyphs"]]
    cell = block("release").set_train(True)
    probe = Tensor(drawn("probe_iban_cross", 12, 16, 4, 4))

    def run(frames, anaglyphs):
        out = cell(frames, anaglyphs)
        return ops.sum(out * probe), out

    (_, out), gradients, norms = gradients_of(run, compiled, cell, given)
    z.check("train_release", out)
    z.check("frames_grad", gradients[0])
    z.check("anaglyphs_grad", gradients[1])
    z.check_norms(norms, BLOCK)


@MODES
@pytest.mark.parametrize("layout", ["release", "axes"])
def test_cross_non_local_block_in_evaluation(reference, compiled, layout):
    z = reference("iban_cross")
    cell = block(layout).set_train(False)
    out = (ms.jit(cell) if compiled else cell)(Tensor(z["frames"]), Tensor(z["anaglyphs"]))
    z.check(f"eval_{layout}", out)


@MODES
def test_memories_and_gates(reference, compiled):
    z = reference("iban_temporal")
    cell = BidirectionalGates(32, 6, Mean())
    set_weights(cell.get_parameters(), [*GATES, *MEMORIES])
    probe = Tensor(drawn("probe_iban_t", 3, 32))

    def run(frames):
        out = cell(frames)
        return ops.sum(out * probe), (out, *cell.memories(frames))

    (_, (out, ahead, back)), gradients, norms = gradients_of(run, compiled, cell, [z["frames"]])
    z.check("out", out)
    z.check("forward_memory", ahead)
    z.check("backward_memory", back)
    z.check("frames_grad", gradients[0])
    z.check_norms(norms, [*GATES, *MEMORIES])


@MODES
def test_easy_positive(reference, compiled):
    z = reference("iban_easy")
    identities = Tensor(z["identities"].astype(np.int32))
    modality = Tensor(np.repeat([0, 1], 6).astype(np.int32))
    loss = EasyPositive()

    def run(features):
        value = loss(features, identities, modality)
        return value, value

    (value, _), gradients, _ = gradients_of(run, compiled, None, [z["clip_features"]])
    z.check("loss", value)
    z.check("grad", gradients[0])


def test_anaglyph(reference):
    z = reference("iban_anaglyph")
    np.testing.assert_array_equal(anaglyph(z["grey"]), z["out"])
    frame = np.repeat(z["grey"][..., None], 3, 2)
    np.testing.assert_array_equal(anaglyph_frame(frame), np.repeat(z["out"][..., None], 3, 2))


def plain_easy_positive(x: np.ndarray, identities: np.ndarray, modality: np.ndarray, masked: bool) -> float:
    """Row by row, as the release writes it."""
    total = 0.0
    for i in range(len(x)):
        positives = [j for j in range(len(x)) if modality[j] != modality[i] and identities[j] == identities[i]]
        if positives:
            easy = min(positives, key=lambda j: float(np.linalg.norm(x[i] - x[j])))
            rows = positives if masked else [j for j in range(len(x)) if modality[j] != modality[i]]
            total += sum(float(np.mean((x[r] - x[easy]) ** 2)) for r in rows)
    return total


@MODES
@pytest.mark.parametrize("form", ["release", "masked"])
def test_easy_positive_in_any_order_and_without_a_partner(compiled, form):
    """The last identity is in one modality only; with rows mixed, as a sampler blind to the modality has them."""
    x = np.random.default_rng(0).standard_normal((9, 6)).astype(np.float32)
    identities, modality = (
        np.array([0, 1, 0, 1, 0, 1, 0, 1, 2], np.int32),
        np.array([0, 1, 1, 0, 0, 1, 1, 0, 0], np.int32),
    )
    loss = EasyPositive(form)
    given = Tensor(x), Tensor(identities), Tensor(modality)
    found = (ms.jit(loss) if compiled else loss)(*given)
    assert float(found) == pytest.approx(plain_easy_positive(x, identities, modality, form == "masked"), rel=1e-5)
    alone = loss(given[0], given[1], Tensor(np.zeros(9, np.int32)))
    assert float(alone) == 0


def test_reconstruction_compares_with_the_other_modality_which_stays_fixed():
    rng = np.random.default_rng(0)
    shallow, deep = (rng.standard_normal((4, c, 3, 2)).astype(np.float32) for c in (5, 7))
    cell = Reconstruction({"shallow_anaglyph_maps": 5, "anaglyph_maps": 7})
    made = [part.asnumpy() for part in cell(Tensor(shallow), Tensor(deep))]
    kernel = cell.visible.weight.asnumpy()[:, :, 0, 0]
    np.testing.assert_allclose(made[1][:2], np.einsum("oc,mchw->mohw", kernel, deep[:2]), rtol=1e-4, atol=1e-5)
    expected = 0.0
    for one, maps in zip(made, (shallow, deep), strict=True):
        expected += np.mean((one[:2] - maps[2:]) ** 2) + np.mean((one[2:] - maps[:2]) ** 2)
    loss = ReconstructionError()
    given = tuple(map(Tensor, (made[0], shallow, made[1], deep)))
    assert float(loss(*given)) == pytest.approx(expected, rel=1e-5)
    gradients = [gradient.asnumpy() for gradient in ms.grad(loss, (0, 1, 2, 3))(*given)]
    assert [bool(gradient.any()) for gradient in gradients] == [True, False, True, False]


@pytest.fixture(scope="module")
def network() -> tuple[Network, Config]:
    config = check_overrides(["method=iban", *SMALL, "dataset=synthetic", "dataset.height=48", "dataset.width=32"])
    return build_model(config, identities=4), config


def test_at_first_each_trunk_goes_its_own_way_and_the_second_is_a_trunk_like_the_first(network):
    """The blocks between them begin as nothing: their batch norm has gamma 0."""
    model, _ = network
    model.set_train(False)
    trunk, rng = model.backbone, np.random.default_rng(0)
    clips = [Tensor(rng.standard_normal((2, 4, 3, 48, 32)).astype(np.float32)) for _ in range(2)]
    encoder = model.encoder
    found = dict(zip(encoder.gives, encoder(*clips), strict=True))
    for own, name, first in ((trunk, "frames", 0), (trunk.anaglyph, "anaglyph_features", 2)):
        expected = np.stack(
            [
                own(clip[:, first : first + 2].reshape(4, 3, 48, 32), infrared).asnumpy().mean((2, 3)).reshape(2, 2, -1)
                for clip, infrared in zip(clips, (False, True), strict=True)
            ]
        ).reshape(4, 2, -1)
        expected = expected.mean(1) if name == "anaglyph_features" else expected
        np.testing.assert_allclose(found[name].asnumpy(), expected, rtol=1e-4, atol=1e-5)
    alone = encoder.embed(clips[1], True)
    np.testing.assert_allclose(alone[1].asnumpy(), found["frames"].asnumpy()[2:], rtol=1e-4, atol=1e-5)
    assert found["shallow_anaglyph_maps"].shape[1] == encoder.widths["shallow_anaglyph_maps"] == trunk.shallow_channels
    names = {parameter.name.removeprefix("backbone.") for parameter in trunk.get_parameters()}
    second = {name.removeprefix("anaglyph.") for name in names if name.startswith("anaglyph.")}
    assert names == second | {f"anaglyph.{name}" for name in second} | {n for n in names if n.startswith("cross_")}


def test_pretrained_weights_go_to_all_stems_and_to_both_trunks(network):
    model, _ = network
    names = {parameter.name.removeprefix("backbone.") for parameter in model.backbone.get_parameters()}
    stems = {
        f"{trunk}{modality}_stem.conv.weight" for trunk in ("", "anaglyph.") for modality in ("visible", "infrared")
    }
    assert set(our_names("conv1.weight")) & names == stems
    deep = "stage4.0.conv1.weight"
    assert set(our_names("layer4.0.conv1.weight")) & names == {deep, f"anaglyph.{deep}"}


def test_the_anaglyphs_lead_the_frames_once_the_blocks_have_learned(network):
    model, _ = network
    model.set_train(False)
    blocks = [cell.norm.gamma for cell in (model.backbone.cross_shallow, model.backbone.cross_deep)]
    for gamma in blocks:
        gamma.set_data(Tensor(np.ones(gamma.shape, np.float32)))
    frames = np.random.default_rng(0).integers(0, 256, (1, 4, 48, 32, 3)).astype(np.uint8)
    other = frames.copy()
    other[:, 2:] = 255 - other[:, 2:]
    joints = Tensor(np.zeros((1, 2, 17, 3), np.float32))
    one, two = (model.embed(Tensor(given), joints, False).asnumpy() for given in (frames, other))
    for gamma in blocks:
        gamma.set_data(Tensor(np.zeros(gamma.shape, np.float32)))
    assert np.abs(one - two).max() > 1e-4


def test_what_begins_at_epoch_40_and_what_has_the_full_rate(network):
    model, config = network
    losses = build_losses(config, model)
    first = first_epochs(model, losses)
    assert set(first.values()) == {40}
    assert {name.partition(".")[0] for name in first} == {"anaglyph_neck", "reconstruction"}
    assert "clip_neck.classifier.weight" not in first
    factors = {name: Factor(**node) for name, node in config.optimiser["factors"].items()}
    groups = parameter_groups(model.trainable_params(), factors)
    assert {p.name for p in groups["head"].parameters} == {"clip_neck.norm.gamma", "clip_neck.classifier.weight"}
    assert sum(p.name.endswith("classifier.weight") for p in model.trainable_params()) == 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("backbone.second_trunk=false", r"stream: given a single trunk, expected .*backbone\.second_trunk=true"),
        ("style=saadg", r"style\.augmentation: given true, expected false"),
        ("clip_head=classifier", None),
        ("sampler=modality_blind", r"reads visible.*sampler=paired"),
    ],
)
def test_what_goes_with_it(override, message):
    overrides = ["method=iban", *SMALL, "dataset=synthetic", override]
    if message is None:
        check_overrides(overrides)
    else:
        with pytest.raises(ConfigError, match=message):
            check_overrides(overrides)


def test_clips_without_anaglyphs_are_refused(network):
    model, _ = network
    frames, joints = Tensor(np.zeros((1, 2, 48, 32, 3), np.uint8)), Tensor(np.zeros((1, 2, 17, 3), np.float32))
    with pytest.raises(ValueError, match="T frames and then their anaglyphs"):
        model.embed(frames, joints, False)
    with pytest.raises(ValueError, match="T frames and then their anaglyphs"):
        ms.jit(Embedder(model, "visible"))(frames, joints)

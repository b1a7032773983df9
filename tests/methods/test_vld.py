"""CLIP's encoders and VLD's parts against their authors' numbers, eager and compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops
from support.method_networks import method_network
from support.method_numbers import drawn, gradients_of, set_weights
from support.reference import weight

from star.config.check import check_overrides
from star.engine.build_network import build_model
from star.engine.build_step import build_losses, learning_rates_of
from star.errors import ConfigError
from star.losses import Identity
from star.models.clip_vision import ClipVision
from star.models.clip_weights import resized_positions
from star.models.hub_encoder import LUMINANCE, draw_channels, mix_channels
from star.models.identity_prompts import IdentityPrompts
from star.models.parameter_groups import Factor, parameter_groups

MODES = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
SMALL_CLIP = (
    *("backbone.channels=24", "backbone.layers=12", "backbone.heads=3", "backbone.projection=16", "backbone.patch=8"),
    *("backbone=clip_cpu", "dataset.height=32", "dataset.width=16"),
)
QUERY, KEY, VALUE = (f"pooling.attn.{name}." for name in ("query", "key", "value"))
SCHEDULES = np.load(Path(__file__).parents[1] / "golden" / "schedules.npz")
NAMES = [
    ("backbone.blocks.", "vld.image_encoder.transformer.resblocks."),
    ("backbone.hub.tokens", "vld.prompt_embedding"),
    ("backbone.", "vld.image_encoder."),
    ("pooling.attn.out.", "vld.attn.out_proj."),
]
OF_TEXT = [("encoder.blocks.", "vld_text.clip.transformer.resblocks."), ("encoder.", "vld_text.clip.")]


@MODES
def test_image_encoder(reference, compiled):
    z = reference("clip_encoder")
    cell = ClipVision(32, 16, 1, patch=8, channels=24, layers=12, heads=3, projection=16)
    names = [("blocks.", "clip.visual.transformer.resblocks."), ("", "clip.visual.")]
    set_weights(cell.get_parameters(), names, salt=z.salt)

    def run(image):
        entering, _ = cell.last_two(image)
        tokens = cell(image)
        return entering, tokens, ops.matmul(tokens, cell.proj)

    entering, tokens, projected = (ms.jit(run) if compiled else run)(Tensor(z["image"]))
    z.check("tokens_11", entering)
    z.check("tokens_12", tokens)
    z.check("projected", projected)


def test_positions_on_another_grid(reference):
    z = reference("clip_encoder")
    z.check("position_resized", resized_positions(z["position"], (18, 9)))


@pytest.fixture(scope="module")
def network(shared):
    model, _ = method_network("vld", *SMALL_CLIP, frames=6, identities=5)
    return model


def set_vld_weights(network, salt: str) -> None:
    parts = [*network.backbone.get_parameters(), *network.pooling.attn.out.get_parameters()]
    set_weights(parts, NAMES, salt=salt)
    for place, cell in enumerate((network.pooling.attn.query, network.pooling.attn.key, network.pooling.attn.value)):
        rows = slice(24 * place, 24 * (place + 1))
        cell.weight.set_data(Tensor(weight(f"{salt}vld.attn.in_proj_weight", (72, 24))[rows].copy()))
        cell.bias.set_data(Tensor(weight(f"{salt}vld.attn.in_proj_bias", (72,))[rows].copy()))


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["eager", "jit"])
def test_clip_features_and_their_gradients(network, reference, compiled):
    z = reference("vld_encoder")
    set_vld_weights(network, z.salt)
    network.set_train(True)
    stay = np.tile(np.array([0, 0, 0, 1], np.float32), (2, 6, 1))
    inputs = {"visible": z["frames"][:1], "infrared": z["frames"][1:], "mixing": stay}
    given = tuple(Tensor(inputs[name]) for name in network.inputs)
    wanted = ("earlier_features", "clip_features", "projected_features", "aggregated_features")
    probes = [Tensor(drawn(f"probe_vld{i}", 2, 16 if i == 2 else 24, salt=z.salt)) for i in range(4)]

    def forward():
        output = network.train_normalised(*given)
        features = tuple(output[name] for name in wanted)
        total = 0.0
        for i in range(4):
            total = total + ops.sum(features[i] * probes[i])
        return total, features

    (_, features), _, norms = gradients_of(forward, compiled, network, [])
    for name, found in zip(("before_last", "feature", "projected", "aggregated"), features, strict=True):
        z.check(name, found)
    norms = {name: norm for name, norm in norms.items() if name.startswith(("backbone.", "pooling."))}
    for tail in ("weight", "bias"):
        joined = np.linalg.norm([norms.pop(f"{part}{tail}") for part in (QUERY, KEY, VALUE)])
        norms[f"pooling.attn.in_proj.{tail}"] = float(joined)
    z.check_norms(norms, [*NAMES, ("pooling.attn.in_proj.", "vld.attn.in_proj.")])


def test_retrieval_features_are_two_of_the_clip_features(network, reference):
    z = reference("vld_encoder")
    set_vld_weights(network, z.salt)
    network.set_train(False)
    found = network.embed_normalised(Tensor(z["frames"]), Tensor(np.zeros((2, 6, 17, 3), np.float32)), False).asnumpy()
    z.check("feature", found[:, :24])
    z.check("aggregated", found[:, 24:])


@MODES
def test_texts_of_the_identities(reference, compiled):
    z = reference("vld_text")
    tokens = z["tokens"][0, : z["tokens"][0].argmax() + 1]
    cell = IdentityPrompts(12, 5, layers=3, heads=2, text_channels=16, tokens=tokens.tolist())
    blocks = [p for p in cell.encoder.get_parameters() if not p.name.endswith("positional_embedding")]
    set_weights(blocks, OF_TEXT, salt=z.salt)
    table = weight(f"{z.salt}vld_text.clip.token_embedding.weight", (50, 16))
    positions = weight(f"{z.salt}vld_text.clip.positional_embedding", (20, 16))
    cell.fixed.set_data(Tensor(table[tokens]))
    cell.encoder.positional_embedding.set_data(Tensor(positions[: len(tokens)].copy()))
    cell.prompts.set_data(Tensor(z["contexts"]))
    assert [p.name for p in cell.trainable_params()] == ["prompts"]
    identity, identities = Identity(), Tensor(z["identities"].astype(np.int32))

    def run(visual):
        return identity(cell(visual), identities), cell.texts()

    step: Any = ms.value_and_grad(run, 0, ms.ParameterTuple([cell.prompts]), has_aux=True)
    (loss, texts), (to_visual, to_prompts) = (ms.jit(step) if compiled else step)(Tensor(z["visual"]))
    z.check("text_features", texts)
    z.check("loss", loss)
    z.check("visual_grad", to_visual)
    z.check("contexts_grad", to_prompts[0])


def test_sizes_are_the_release_s():
    config = check_overrides(
        ["method=vld", "size=paper", "dataset=synthetic", "dataset.height=288", "dataset.width=144"]
    )
    model = build_model(config, identities=500, initial_values=False)
    sizes = {"trained": 0, "frozen": 0}
    for parameter in model.get_parameters():
        if "moving_" not in parameter.name:
            sizes["trained" if parameter.requires_grad else "frozen"] += parameter.size
    assert (round(sizes["trained"] / 1e6, 2), round(sizes["frozen"] / 1e6, 1)) == (90.61, 38.1)
    assert model.backbone.grid == (18, 9) and model.out_channels == 1536


def test_biases_heads_and_prompts_are_25_times_as_fast():
    config = check_overrides(["method=vld", "schedule=vld", "size=cpu", "dataset=synthetic", *SMALL_CLIP])
    model = build_model(config, identities=5, initial_values=False)
    rates = learning_rates_of(config, model, build_losses(config, model), 2)
    expected = np.repeat(SCHEDULES["vld"], 2, axis=0)
    assert list(rates) == ["fast", "head"]
    np.testing.assert_allclose(np.stack([rates["head"], rates["fast"]], 1), expected, rtol=1e-6)
    factors = {name: Factor(**node) for name, node in config.optimiser["factors"].items()}
    groups = parameter_groups(model.trainable_params(), factors)
    slow = {parameter.name for parameter in groups["head"].parameters}
    fast = {parameter.name for parameter in groups["fast"].parameters}
    assert {"backbone.hub.tokens", "backbone.ln_post.gamma", "pooling.attn.query.weight", "backbone.proj"} <= slow
    assert {"backbone.ln_post.beta", "backbone.blocks.0.attn.in_proj.bias", "pooling.attn.query.bias"} <= fast
    assert {"identity_prompts.prompts", "clip_neck.visual.classifier.weight", "clip_neck.projected.norm.beta"} <= fast
    assert all(name.endswith((".weight", ".gamma", "tokens", "embedding", "proj")) for name in slow)


def test_the_recipe_is_the_release_s(tmp_path: Path):
    config = check_overrides(["method=vld", "dataset=hitsz_vcm", f"dataset.root={tmp_path}"])
    schedule, augmentation = config.schedule, config.dataset.augmentation
    batch = (schedule.identities, schedule.tracklets, config.dataset.frames, schedule.batches_per_epoch)
    assert batch == (4, 4, 6, 200) and (schedule.epochs, schedule.evaluate_every) == (24, 1)
    assert config.optimiser["_target_"].endswith(".AdamW") and config.optimiser["weight_decay"] == 1e-4
    assert (augmentation.pad, augmentation.flip, augmentation.erase) == (10, 0.5, 0.5)
    assert (augmentation.geometry, augmentation.erase_per) == ("frame", "frame")
    assert (augmentation.erase_law, augmentation.erase_fill) == ("uniform", "release")
    assert config.stream["one_channel"] == 0.5 and config.clip_head["normalise"] is False
    assert {name: term["weight"] for name, term in config.loss.items() if term["weight"] != 1} == {
        "text_identity": 0.08,
        "aggregated_identity": 0.4,
    }


@pytest.mark.parametrize("graph", ["full", "sequence"])
def test_features_of_either_sign_take_no_sequence_guidance(graph: str):
    with pytest.raises(ConfigError, match=r"skeleton_graph\.sequence_guidance: given true, over ClipVision.* negative"):
        check_overrides(["method=vld", "size=cpu", "dataset=synthetic", f"skeleton_graph={graph}"])


def test_frame_guidance_goes_with_it():
    config = check_overrides(["method=vld", "size=cpu", "dataset=synthetic", "skeleton_graph=frame"])
    model = build_model(config, identities=5, initial_values=False)
    assert model.parts["frame_guidance"].gives == ("frames",)


def test_channels_are_mixed_as_the_release_does():
    weights = draw_channels(np.random.default_rng(0), 400, 6, 0.5)
    one_of = np.eye(4, dtype=np.float32)
    kept = (weights == one_of[3]).all(2)
    single = (weights[:, :, None] == one_of[:3]).all(3)
    grey = (weights == np.array([*LUMINANCE, 0], np.float32)).all(2)
    assert (kept ^ single.any(2) ^ grey).all()
    visible, infrared = slice(0, 200), slice(200, 400)
    assert not grey[visible].any() and (kept[visible].all(1) | (~kept[visible]).all(1)).all()
    assert abs(kept[visible, 0].mean() - 0.5) < 0.1
    assert abs(grey[infrared].mean() - 1 / 8) < 0.03 and abs(kept[infrared].mean() - 1 / 8) < 0.03
    np.testing.assert_allclose(single[infrared].mean((0, 1)), 0.25, atol=0.04)
    assert len({tuple(clip.argmax(1)) for clip in single[visible][~kept[visible, 0]]}) > 50  # drawn for every frame
    frames = np.random.default_rng(1).standard_normal((3, 3, 2, 2)).astype(np.float32)
    given = np.array([[0, 1, 0, 0], [0, 0, 0, 1], [*LUMINANCE, 0]], np.float32)
    mixed = mix_channels(Tensor(frames), Tensor(given)).asnumpy()
    np.testing.assert_array_equal(mixed[1], frames[1])
    np.testing.assert_array_equal(mixed[0], np.repeat(frames[0, 1:2], 3, 0))
    np.testing.assert_allclose(mixed[2, 0], np.tensordot(LUMINANCE, frames[2], 1), rtol=1e-5)
    assert (mixed[2, 0] == mixed[2, 2]).all()

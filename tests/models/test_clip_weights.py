"""CLIP's weights from files with OpenAI's and with Hugging Face's names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from star.errors import CheckpointError
from star.models import load_pretrained
from star.models.clip_vision import ClipVision
from star.models.clip_weights import resized_positions
from star.models.identity_prompts import IdentityPrompts

WIDTH, LAYERS, OUT, VOCABULARY, CONTEXT = 8, 3, 6, 12, 10
TOKENS = (10, 1, 3, 3, 3, 3, 2, 11)
MODULES = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}


def openai_weights(side: int = 4) -> dict[str, np.ndarray]:
    """A CLIP of patches of 8 pixels on a grid of `side` x `side`."""
    shapes: dict[str, tuple[int, ...]] = {
        "visual.conv1.weight": (WIDTH, 3, 8, 8),
        "visual.class_embedding": (WIDTH,),
        "visual.positional_embedding": (1 + side * side, WIDTH),
        "visual.proj": (WIDTH, OUT),
        "token_embedding.weight": (VOCABULARY, WIDTH),
        "positional_embedding": (CONTEXT, WIDTH),
        "text_projection": (WIDTH, OUT),
        "logit_scale": (),
    }
    blocks = [f"{encoder}transformer.resblocks.{i}." for encoder in ("visual.", "") for i in range(LAYERS)]
    for block in blocks:
        shapes |= {f"{block}attn.in_proj_weight": (3 * WIDTH, WIDTH), f"{block}attn.in_proj_bias": (3 * WIDTH,)}
        for name, (rows, columns) in {"attn.out_proj": (1, 1), "mlp.c_fc": (4, 1), "mlp.c_proj": (1, 4)}.items():
            shapes |= {f"{block}{name}.weight": (rows * WIDTH, columns * WIDTH), f"{block}{name}.bias": (rows * WIDTH,)}
    for norm in [f"{block}ln_{i}" for block in blocks for i in (1, 2)] + [
        *("visual.ln_pre", "visual.ln_post", "ln_final")
    ]:
        shapes |= {f"{norm}.weight": (WIDTH,), f"{norm}.bias": (WIDTH,)}
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def as_hugging_face(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same under the names of `CLIPModel`."""
    renamed = {}
    for given, value in weights.items():
        encoder = "vision_model" if given.startswith("visual.") else "text_model"
        name = given.removeprefix("visual.")
        if block := re.match(r"transformer\.resblocks\.(\d+)\.(.+?)(_|\.)(weight|bias)$", name):
            layer = f"{encoder}.encoder.layers.{block[1]}."
            if block[2] == "attn.in_proj":
                parts = zip("qkv", np.split(value, 3), strict=True)
                renamed |= {f"{layer}self_attn.{letter}_proj.{block[4]}": part for letter, part in parts}
            else:
                module = MODULES.get(block[2], "self_attn.out_proj")
                renamed[f"{layer}{module}.{block[4]}"] = value
        elif name in ("proj", "text_projection"):
            renamed["visual_projection.weight" if name == "proj" else "text_projection.weight"] = value.T.copy()
        elif name.startswith("ln_"):
            norm = {"ln_pre": "pre_layrnorm", "ln_post": "post_layernorm", "ln_final": "final_layer_norm"}
            renamed[f"{encoder}.{norm[name.partition('.')[0]]}.{name.partition('.')[2]}"] = value
        elif name == "logit_scale":
            renamed[name] = value
        else:
            plain = {
                "conv1.weight": "patch_embedding.weight",
                "positional_embedding": "position_embedding.weight",
            }.get(name, name)
            renamed[f"{encoder}.embeddings.{plain}"] = value
    return renamed


def encoders() -> tuple[ClipVision, IdentityPrompts]:
    trunk = ClipVision(48, 16, 2, patch=8, channels=WIDTH, layers=LAYERS, heads=2, projection=OUT, hub=True)
    texts = IdentityPrompts(OUT, 5, layers=LAYERS, heads=2, text_channels=WIDTH, tokens=TOKENS)
    return trunk, texts


@pytest.mark.parametrize("naming", ["openai", "hugging face", "behind a prefix"])
def test_both_encoders_are_filled_from_one_file(tmp_path: Path, naming: str):
    weights = openai_weights()
    given = as_hugging_face(weights) if naming == "hugging face" else weights
    if naming == "behind a prefix":
        given = {f"module.clip.{name}": value for name, value in weights.items()}
    save_file(given, tmp_path / "clip.safetensors")
    trunk, texts = encoders()
    report = load_pretrained(trunk, tmp_path / "clip.safetensors", {"texts": texts})
    assert report.not_loaded == ("hub.tokens", "texts.prompts")
    assert [name.rpartition(".")[2] for name in report.unused] == ["logit_scale"]
    ours = {p.name: p.asnumpy() for p in (*trunk.get_parameters(), *texts.get_parameters())}
    block = "transformer.resblocks.2."
    np.testing.assert_array_equal(ours["blocks.2.attn.in_proj.weight"], weights[f"visual.{block}attn.in_proj_weight"])
    np.testing.assert_array_equal(ours["blocks.2.ln_2.beta"], weights[f"visual.{block}ln_2.bias"])
    np.testing.assert_array_equal(ours["encoder.blocks.2.mlp.c_proj.bias"], weights[f"{block}mlp.c_proj.bias"])
    np.testing.assert_array_equal(ours["conv1.weight"], weights["visual.conv1.weight"])
    np.testing.assert_array_equal(ours["class_embedding"], weights["visual.class_embedding"])
    np.testing.assert_array_equal(ours["ln_pre.gamma"], weights["visual.ln_pre.weight"])
    np.testing.assert_array_equal(ours["proj"], weights["visual.proj"])
    np.testing.assert_array_equal(ours["encoder.text_projection"], weights["text_projection"])
    np.testing.assert_array_equal(ours["encoder.positional_embedding"], weights["positional_embedding"][: len(TOKENS)])
    np.testing.assert_array_equal(ours["fixed"], weights["token_embedding.weight"][list(TOKENS)])
    resized = resized_positions(weights["visual.positional_embedding"], (6, 2))
    np.testing.assert_array_equal(ours["positional_embedding"], resized)


def test_an_image_encoder_alone_leaves_the_texts_as_they_are(tmp_path: Path):
    weights = {name: value for name, value in openai_weights().items() if name.startswith("visual.")}
    save_file(weights, tmp_path / "visual.safetensors")
    trunk, texts = encoders()
    report = load_pretrained(trunk, tmp_path / "visual.safetensors", {"texts": texts})
    assert {name.partition(".")[0] for name in report.not_loaded} == {"hub", "texts"} and report.unused == ()


def test_a_file_of_another_network_is_refused(tmp_path: Path):
    trunk, _ = encoders()
    save_file({"layer1.0.conv1.weight": np.zeros((4, 4), np.float32)}, tmp_path / "resnet.safetensors")
    with pytest.raises(CheckpointError, match=r"resnet\.safetensors: none of its 1 tensors.*CLIP's names"):
        load_pretrained(trunk, tmp_path / "resnet.safetensors")
    save_file({**openai_weights(), "visual.proj": np.zeros((WIDTH, 5), np.float32)}, tmp_path / "wide.safetensors")
    with pytest.raises(CheckpointError, match=r"proj: given \[8, 5\], expected \[8, 6\]"):
        load_pretrained(trunk, tmp_path / "wide.safetensors")

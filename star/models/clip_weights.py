"""CLIP's weights under the names of OpenAI's code or of Hugging Face's `CLIPModel`, as values of our parameters.

| OpenAI                                             | Hugging Face                                                |
|----------------------------------------------------|-------------------------------------------------------------|
| visual.conv1.weight                                | vision_model.embeddings.patch_embedding.weight              |
| visual.transformer.resblocks.0.attn.in_proj_weight | vision_model.encoder.layers.0.self_attn.{q,k,v}_proj.weight |
| visual.proj [d e]                                  | visual_projection.weight [e d]                              |
| transformer.resblocks.0.ln_1.weight                | text_model.encoder.layers.0.layer_norm1.weight              |
| text_projection [d e]                              | text_projection.weight [e d]                                |

Our parameters are called as OpenAI's but for `blocks`, `in_proj.weight`, `gamma` and `beta`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from star.models.name_prefix import shared_prefix

VISUAL, TEXT = "visual.", ""
"""Beginnings of OpenAI's names in the image and in the text encoder."""
_HUGGING_FACE = (
    (r"^vision_model\.", "visual."),
    (r"^text_model\.", ""),
    (r"^visual_projection\.weight$", "visual.proj"),
    (r"^text_projection\.weight$", "text_projection"),
    (r"(^|\.)encoder\.layers\.", r"\1transformer.resblocks."),
    (r"(^|\.)embeddings\.(class_embedding)$", r"\1\2"),
    (r"(^|\.)embeddings\.patch_embedding\.weight$", r"\1conv1.weight"),
    (r"(^|\.)embeddings\.position_embedding\.weight$", r"\1positional_embedding"),
    (r"(^|\.)embeddings\.token_embedding\.", r"\1token_embedding."),
    (r"(^|\.)pre_layrnorm\.", r"\1ln_pre."),
    (r"(^|\.)post_layernorm\.", r"\1ln_post."),
    (r"(^|\.)final_layer_norm\.", r"\1ln_final."),
    (r"\.self_attn\.", ".attn."),
    (r"\.layer_norm(\d)\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
)
_OURS = (
    (r"^transformer\.resblocks\.", "blocks."),
    (r"\.in_proj_(weight|bias)$", r".in_proj.\1"),
    (r"((^|\.)ln_\w+)\.weight$", r"\1.gamma"),
    (r"((^|\.)ln_\w+)\.bias$", r"\1.beta"),
)
_IS_CLIP = re.compile(
    r"(visual|vision_model|text_model|visual_projection|text_projection|transformer\.resblocks|token_embedding"
    r"|positional_embedding|ln_final|logit_scale)(\.|$)"
)
_OF_ENCODER = re.compile(
    r"(blocks|ln_\w+|conv1|class_embedding|positional_embedding|token_embedding|proj|text_projection)(\.|$)"
)
_PART_OF_THREE = re.compile(r"\.(q|k|v)_proj\.(weight|bias)$")


Translated = tuple[dict[str, np.ndarray], dict[str, list[str]]]
"""Values by our parameters' names, and the names in the file that each was made of."""


def clip_values(tensors: Mapping[str, np.ndarray], encoder: str) -> Translated:
    """Values of one encoder.

    Args:
        tensors: of the file; what is not CLIP's is passed over.
        encoder: `VISUAL` or `TEXT`.

    Raises:
        CheckpointError: several networks in one file.
    """
    prefix = shared_prefix(tensors, lambda name: _IS_CLIP.match(name) is not None, "the file of weights")
    found: dict[str, np.ndarray] = {}
    made_of: dict[str, list[str]] = {}
    for given in [name for name in tensors if name.startswith(prefix)]:
        name = _renamed(given.removeprefix(prefix), _HUGGING_FACE)
        if name.startswith(VISUAL) != (encoder == VISUAL):
            continue
        three = _PART_OF_THREE.search(name)
        if three is not None:
            if three[1] != "q":
                continue
            sources = [re.sub(r"q_proj(\.\w+)$", rf"{letter}_proj\1", given) for letter in "qkv"]
            if not all(source in tensors for source in sources):
                continue
            value = np.concatenate([tensors[source] for source in sources])
            name = _PART_OF_THREE.sub(r".in_proj_\2", name)
        else:
            sources, value = [given], tensors[given]
            if given.endswith("_projection.weight"):
                value = value.T
        ours = _renamed(name.removeprefix(encoder), _OURS)
        if _OF_ENCODER.match(ours):
            found[ours], made_of[ours] = value, sources
    return found, made_of


def resized_positions(positions: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Positions of a square grid for another one, bilinearly between the centres of patches.

    Args:
        positions: [1 + side * side, d], the class token's first.
        grid: rows and columns.

    Returns:
        [1 + rows * columns, d] float32; as given if there are as many rows and columns already, or no square.
    """
    side = round((len(positions) - 1) ** 0.5)
    if grid == (side, side) or side * side != len(positions) - 1:
        return positions
    old = positions[1:].reshape(side, side, -1).astype(np.float64)
    rows, columns = (_between(side, length) for length in grid)
    new = np.einsum("ri,cj,ijd->rcd", rows, columns, old).reshape(grid[0] * grid[1], -1)
    return np.concatenate([positions[:1], new]).astype(np.float32)


def _between(old: int, new: int) -> np.ndarray:
    """[new old] weights of the two nearest old places at each new one; the ends are held."""
    place = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    lower = np.minimum(place.astype(int), max(0, old - 2))
    weights = np.zeros((new, old))
    weights[np.arange(new), lower] = 1 - (place - lower)
    weights[np.arange(new), np.minimum(lower + 1, old - 1)] += place - lower
    return weights


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, other in rules:
        name = re.sub(pattern, other, name)
    return name

"""The public part of X-ReID against its authors' numbers, eager and compiled."""

from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor
from support.method_numbers import set_weights

from star.losses import ClipPrototypes
from star.models.short_term import ShortTermInteraction, shift_channels

MODES = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
PARTS = {
    "norm_query": "norm1",
    "norm_key": "attn.normy",
    "norm_hidden": "norm2",
    "query": "attn.q_",
    "key": "attn.k_",
    "value": "attn.v_",
    "out": "attn.proj",
    "fc1": "mlp.fc1",
    "fc2": "mlp.fc2",
}
NAMES = [
    (f"blocks.{place}.{ours}.", f"TSM_space.{block}.Rotation.{theirs}.")
    for place, block in enumerate(("Reconstuct_shift", "Reconstuct_shift2"))
    for ours, theirs in PARTS.items()
]


@MODES
def test_short_term_interaction(reference, compiled):
    z = reference("xreid_short_term")
    cell = ShortTermInteraction(24, 4, heads=3)
    set_weights(cell.get_parameters(), NAMES, salt=z.salt)
    tokens = Tensor(z["tokens"])
    mean, frames = (ms.jit(cell) if compiled else cell)(tokens)
    z.check("out", frames.asnumpy().reshape(8, 24))
    np.testing.assert_allclose(mean.asnumpy(), frames.asnumpy().mean(1), rtol=1e-5, atol=1e-6)
    shifted = shift_channels(Tensor(z["tokens"][:, 1:].reshape(2, 4, 6, 24))).asnumpy()
    z.check("shifted", shifted.transpose(0, 1, 3, 2))


def test_nothing_goes_back_into_the_trunk_unless_it_is_wanted():
    tokens = Tensor(np.random.default_rng(0).standard_normal((2, 3, 8)).astype(np.float32))
    for detach in (True, False):
        cell = ShortTermInteraction(8, 2, heads=2, detach=detach)
        gradient = ms.grad(lambda x, cell=cell: cell(x)[0].sum())(tokens).asnumpy()
        assert (np.abs(gradient).max() > 0) != detach


def prototypes(memory: np.ndarray) -> ClipPrototypes:
    term = ClipPrototypes(memory.shape[1], len(memory))
    term.memory.set_data(Tensor(memory))
    return term


@MODES
def test_memory(reference, compiled):
    z = reference("xreid_memory")
    term = prototypes(z["memory"])
    step = ms.value_and_grad(term)
    given = Tensor(z["clip_features"]), Tensor(z["identities"].astype(np.int32))
    loss, gradient = (ms.jit(step) if compiled else step)(*given)
    z.check("loss", loss)
    z.check("clip_features_grad", gradient)
    z.check("memory_after", term.memory)


def by_hand(memory: np.ndarray, features: np.ndarray, identities: np.ndarray) -> tuple[float, np.ndarray]:
    """Loss and memory afterwards in float64; rows of zeros are identities that were not seen yet."""
    x = features / np.linalg.norm(features, axis=1, keepdims=True)
    known = np.abs(memory).max(1) > 0
    terms = []
    for row, y in zip(x, identities, strict=True):
        if known[y]:
            logits = memory[known] @ row / 0.05
            terms.append(np.log(np.exp(logits).sum()) - memory[y] @ row / 0.05)
    after = memory.copy()
    for y in np.unique(identities):
        own = x[identities == y]
        after[y] = 0.1 * memory[y] + 0.9 * own[(own @ memory[y]).argmin()]
        after[y] /= np.linalg.norm(after[y])
    return float(np.mean(terms)) if terms else 0.0, after


@MODES
def test_rows_begin_with_the_first_clip_of_their_identity(compiled):
    """Three batches, the last of them with an identity that was never seen: left out until then."""
    rng = np.random.default_rng(0)
    term = prototypes(np.zeros((4, 6), np.float32))
    step = ms.value_and_grad(term)
    step = ms.jit(step) if compiled else step
    memory = np.zeros((4, 6))
    for identities in ([0, 0, 1, 1], [0, 1, 1, 0], [0, 2, 1, 2]):
        features = rng.standard_normal((4, 6)).astype(np.float32)
        loss, gradient = step(Tensor(features), Tensor(np.array(identities, np.int32)))
        expected, memory = by_hand(memory, features.astype(np.float64), np.array(identities))
        assert float(loss) == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert np.isfinite(gradient.asnumpy()).all()
        np.testing.assert_allclose(term.memory.asnumpy(), memory, atol=1e-5)
    assert not term.memory.asnumpy()[3].any()

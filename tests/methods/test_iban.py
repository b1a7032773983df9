"""IBAN's parts and losses against its authors' numbers, eager and compiled."""

from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops
from support.method_numbers import drawn, gradients_of, set_weights

from star.data.anaglyph import anaglyph, anaglyph_frame
from star.losses import EasyPositive
from star.models.bidirectional_gates import BidirectionalGates
from star.models.cross_non_local import CrossNonLocal
from star.models.pooling import Mean

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


def block(layout: str) -> CrossNonLocal:
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

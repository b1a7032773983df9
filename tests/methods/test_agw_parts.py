"""Parts of AGW against its authors' numbers, eager and compiled."""

from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops
from support.method_numbers import drawn, gradients_of, set_weights

from star.losses import WeightedTriplet
from star.models.initial import initialise
from star.models.non_local import FrameNonLocal
from star.models.resnet import ResNet

MODES = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
NAMES = [
    *(("g.", "agw_non_local.g.0."), ("out.", "agw_non_local.W.0."), ("norm.", "agw_non_local.W.1.")),
    ("", "agw_non_local."),
]


@MODES
def test_non_local_block_within_a_frame(reference, compiled):
    z = reference("agw_non_local")
    cell = FrameNonLocal(16)
    set_weights(cell.get_parameters(), NAMES)
    probe = Tensor(drawn("probe_agw_nl", *z["maps"].shape))

    def run(maps):
        out = cell(maps)
        return ops.sum(out * probe), out

    cell.set_train(False)
    z.check("eval", run(Tensor(z["maps"]))[1])
    cell.set_train(True)
    (_, out), gradients, norms = gradients_of(run, compiled, cell, [z["maps"]])
    z.check("train", out)
    z.check("maps_grad", gradients[0])
    z.check_norms(norms, NAMES)


@MODES
@pytest.mark.parametrize("scale", ["near", "usual", "far"])
def test_weighted_triplet(reference, compiled, scale):
    z = reference("agw_triplet")
    loss, identities = WeightedTriplet(), Tensor(z["identities"].astype(np.int32))

    def run(features):
        value = loss(features, identities)
        return value, value

    (value, _), gradients, _ = gradients_of(run, compiled, None, [z[f"embeddings_{scale}"]])
    z.check(f"loss_{scale}", value)
    z.check(f"grad_{scale}", gradients[0])


def test_the_stable_form_is_the_softmax_at_any_distance():
    rng = np.random.default_rng(0)
    identities = np.repeat(np.arange(4), 4).astype(np.int32)
    for scale in (0.3, 30.0):
        x = scale * rng.standard_normal((16, 32)).astype(np.float32)
        distances = np.sqrt(np.maximum(((x[:, None] - x[None]) ** 2).sum(2), 1e-12))
        terms = []
        for i in range(16):
            same = identities == identities[i]
            positive, negative = distances[i, same], distances[i, ~same]
            p = np.exp(positive - positive.max())
            n = np.exp(negative.min() - negative)
            terms.append(np.logaddexp(0, (p * positive).sum() / p.sum() - (n * negative).sum() / n.sum()))
        value = WeightedTriplet("stable")(Tensor(x), Tensor(identities))
        assert float(value) == pytest.approx(np.mean(terms), rel=1e-3)
        gradient = ms.grad(WeightedTriplet("stable"))(Tensor(x), Tensor(identities)).asnumpy()
        assert np.isfinite(gradient).all() and gradient.any()


def test_the_block_begins_as_the_identity():
    backbone = ResNet("basic", (1, 2, 3, 1), width=4, non_local="frame_single_channel")
    initialise(backbone, 0, {f"stage{i}": backbone for i in range(1, 5)})
    of_blocks = {p.name: p.asnumpy() for p in backbone.get_parameters() if "non_local" in p.name}
    gammas = [value for name, value in of_blocks.items() if name.endswith("norm.gamma")]
    assert len(gammas) == 5 and not np.any(gammas[0]) and not np.any(gammas[-1])
    assert all(value.any() for name, value in of_blocks.items() if name.endswith("theta.weight"))

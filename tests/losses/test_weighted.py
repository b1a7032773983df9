import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from star.errors import ConfigError
from star.losses import BatchHardTriplet, Identity, WeightedLosses

TERMS = {"triplet": BatchHardTriplet(0.3), "identity": Identity()}


@pytest.mark.parametrize("compiled", [False, True])
def test_total_is_the_weighted_sum_and_terms_are_unweighted(compiled):
    rng = np.random.default_rng(0)
    output = {
        "clip_features": Tensor(rng.standard_normal((4, 3)).astype(np.float32)),
        "clip_logits": Tensor(rng.standard_normal((4, 5)).astype(np.float32)),
    }
    identities = Tensor(np.array([1, 3, 1, 3], np.int32))
    losses = WeightedLosses(TERMS, {"identity": 0.5, "triplet": 2.0})

    def run(features, logits):
        return losses({"clip_features": features, "clip_logits": logits}, identities)

    total, terms = (ms.jit(run) if compiled else run)(*output.values())
    assert losses.names == ("triplet", "identity")
    assert losses.requires == ("clip_features", "clip_logits")
    separate = [float(term(output, identities)) for term in TERMS.values()]
    assert [float(term) for term in terms] == pytest.approx(separate)
    assert float(total) == pytest.approx(2.0 * separate[0] + 0.5 * separate[1])


def test_terms_and_weights_must_have_the_same_names():
    with pytest.raises(ConfigError, match=r"loss\.identity: given a term without a weight"):
        WeightedLosses(TERMS, {"triplet": 1.0})
    with pytest.raises(ConfigError, match="given no term"):
        WeightedLosses({}, {})

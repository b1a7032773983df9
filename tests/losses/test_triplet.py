import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from star.losses import BatchHardTriplet


def plain_triplet(features: np.ndarray, identities: np.ndarray, margin: float) -> float:
    """Batch-hard triplet loss, pair by pair."""
    losses = []
    for row, identity in enumerate(identities):
        positives, negatives = [], []
        for other, its_identity in enumerate(identities):
            distance = np.sqrt(((features[row].astype(np.float64) - features[other]) ** 2).sum())
            (positives if its_identity == identity else negatives).append(distance)
        losses.append(max(0.0, max(positives) - min(negatives) + margin))
    return float(np.mean(losses))


def loss_and_gradient(features, identities, margin, compiled):
    loss = BatchHardTriplet(margin)
    labels = Tensor(identities.astype(np.int32))

    def run(features):
        return loss(features, labels)

    function = ms.value_and_grad(run)
    value, gradient = (ms.jit(function) if compiled else function)(Tensor(features))
    return float(value), gradient.asnumpy()


@pytest.mark.parametrize("compiled", [False, True])
def test_reference_loss_and_gradient(golden, compiled):
    z = golden("triplet")
    value, gradient = loss_and_gradient(z["embeddings"], z["identities"], float(z["margin"]), compiled)
    assert value == pytest.approx(float(z["loss"]), rel=1e-5)
    np.testing.assert_allclose(gradient, z["grad"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("margin", [0.0, 0.3, 5.0])
def test_equals_the_pairwise_loop(margin):
    rng = np.random.default_rng(0)
    identities = np.tile(np.repeat(np.arange(4), 2), 2)
    features = (rng.standard_normal((16, 8)) + 3 * np.eye(8)[identities]).astype(np.float32)
    expected = plain_triplet(features, identities, margin)
    assert loss_and_gradient(features, identities, margin, False)[0] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_equal_rows_have_a_finite_gradient():
    value, gradient = loss_and_gradient(np.ones((4, 3), np.float32), np.array([0, 1, 0, 1]), 0.3, False)
    assert value == pytest.approx(0.3)
    np.testing.assert_array_equal(gradient, 0)

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops

from star.errors import ConfigError
from star.losses import BatchHardTriplet, Identity, WeightedLosses
from star.losses.weighted import reads_of

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
    values = (*output.values(), identities)
    separate = [float(TERMS["triplet"](values[0], identities)), float(TERMS["identity"](values[1], identities))]
    assert [float(term) for term in terms] == pytest.approx(separate)
    assert float(total) == pytest.approx(2.0 * separate[0] + 0.5 * separate[1])


def test_terms_and_weights_must_have_the_same_names():
    with pytest.raises(ConfigError, match=r"loss\.identity: given a term without a weight"):
        WeightedLosses(TERMS, {"triplet": 1.0})
    with pytest.raises(ConfigError, match="given no term"):
        WeightedLosses({}, {})


class Distance(nn.Cell):
    """A loss with a parameter."""

    reads = ("clip_features", "identities", "frame_features")

    def __init__(self) -> None:
        super().__init__()
        self.centre = Parameter(Tensor(np.ones(3, np.float32)), name="centre")

    def construct(self, clips: Tensor, identities: Tensor, frames: Tensor) -> Tensor:
        return ops.mean(ops.square(clips - self.centre)) + ops.mean(frames) + ops.mean(identities.astype(ms.float32))


class Older(nn.Cell):
    """A loss as they were before parts had names."""

    requires = ("clip_features",)

    def construct(self, output: dict, identities: Tensor) -> Tensor:
        return ops.mean(output["clip_features"])


@pytest.mark.parametrize("compiled", [False, True])
def test_on_gives_a_term_other_tensors(compiled):
    losses = WeightedLosses({"d": Distance(), "old": Older()}, {"d": 1.0, "old": 1.0}, {"d": ["a", "b"]})
    assert losses.reads == (("a", "identities", "b"), ("clip_features",))
    assert losses.requires == ("a", "b", "clip_features")

    def run(a, b, c, identities):
        return losses({"a": a, "b": b, "clip_features": c}, identities)[1]

    a, b, c = (Tensor(np.full((2, 3), value, np.float32)) for value in (3.0, 5.0, 7.0))
    first, second = (ms.jit(run) if compiled else run)(a, b, c, Tensor(np.array([1, 3], np.int32)))
    assert (float(first), float(second)) == (4.0 + 5.0 + 2.0, 7.0)


@pytest.mark.parametrize(
    ("on", "reads"),
    [
        (None, ("clip_features", "identities", "frame_features")),
        ("x", ("x", "identities", "frame_features")),
        (["x", "y"], ("x", "identities", "y")),
        ({"frame_features": "y"}, ("clip_features", "identities", "y")),
    ],
)
def test_the_forms_of_on(on, reads):
    assert reads_of(Distance, on) == reads


def test_parameters_of_a_term_carry_its_name():
    losses = WeightedLosses({"d": Distance()}, {"d": 1.0})
    assert [parameter.name for parameter in losses.trainable_params()] == ["loss.d.centre"]

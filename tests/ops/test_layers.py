"""einops patterns on MindSpore tensors against NumPy: eager, jitted, gradients."""

import einops
import mindspore as ms
import numpy as np
import pytest
from einops import EinopsError
from mindspore import Tensor

from star.ops import Rearrange, Reduce

REARRANGE = [
    ("a b c d -> a b c d", {}),
    ("a b c d -> d c a b", {}),
    ("a b c d -> a (b c) d", {}),
    ("a b c d -> (a b c d)", {}),
    ("a b c d -> (d a) (c b)", {}),
    ("a (b1 b2) c d -> a b1 (c d b2)", {"b2": 3}),
    ("(a1 a2) b c d -> a2 (b d) (a1 c)", {"a1": 2}),
    ("a b c d -> a 1 b c d 1", {}),
    ("... d -> d ...", {}),
    ("a ... d -> (a d) ...", {}),
    ("a b ... -> b (...) a", {}),
    ("a b ... -> a b (...)", {}),
]
REDUCE = [
    ("a b c d -> a b", {}),
    ("a b c d -> d a", {}),
    ("a b c d -> a () d", {}),
    ("a b c d ->", {}),
    ("a (b1 b2) c d -> a b1 d", {"b1": 2}),
    ("a (b 2) c d -> b d", {}),
    ("... c d -> ...", {}),
    ("a ... -> a", {}),
    ("a b (c 5) d -> a b c d", {}),
    ("a b c d -> a b c d", {}),
]
OPERATIONS = ("mean", "sum", "max", "min", "prod")


def values(shape=(4, 6, 5, 3), seed=0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape).astype(np.float32)


def cases():
    for pattern, lengths in REARRANGE:
        yield "rearrange", Rearrange, pattern, (), lengths
    for position, (pattern, lengths) in enumerate(REDUCE):
        for operation in OPERATIONS if position in (0, 4, 7) else (OPERATIONS[position % len(OPERATIONS)],):
            yield "reduce", Reduce, pattern, (operation,), lengths


CASES = [pytest.param(*case, id=" ".join([case[2], *case[3]])) for case in cases()]


@pytest.mark.parametrize(("function", "layer", "pattern", "operation", "lengths"), CASES)
def test_matches_numpy_in_every_mode_with_gradients(function, layer, pattern, operation, lengths):
    x = values()
    expected = getattr(einops, function)(x, pattern, *operation, **lengths)
    tensor = Tensor(x)
    cell = layer(pattern, *operation, **lengths)
    weights = Tensor(values(np.shape(expected), seed=1))

    def weighted(x):
        return (cell(x) * weights).sum()

    def run(x):
        return cell(x), gradient(x)

    gradient = ms.grad(weighted)
    jitted, jitted_gradient = ms.jit(run)(tensor)
    for result in (cell(tensor), jitted):
        assert tuple(result.shape) == np.shape(expected)
        np.testing.assert_allclose(result.asnumpy(), expected, rtol=2e-5)
    numeric = directional_derivative(function, pattern, operation, lengths, x, weights.asnumpy())
    for gradients in (gradient(tensor), jitted_gradient):
        assert float((gradients.asnumpy() * direction(x)).sum()) == pytest.approx(numeric, rel=2e-3)


def direction(x: np.ndarray) -> np.ndarray:
    return values(x.shape, seed=2)


def directional_derivative(function, pattern, operation, lengths, x, weights) -> float:
    """Central difference of sum(weights * result) along `direction`, in float64."""
    step = 1e-6
    sides = []
    for sign in (1, -1):
        moved = x.astype(np.float64) + sign * step * direction(x)
        sides.append((getattr(einops, function)(moved, pattern, *operation, **lengths) * weights).sum())
    return float((sides[0] - sides[1]) / (2 * step))


@pytest.mark.parametrize("operation", ["any", "all"])
def test_boolean_reductions(operation):
    x = values() > 0.6
    cell = Reduce("a b c d -> a d", operation)
    expected = einops.reduce(x, "a b c d -> a d", operation)
    assert 0 < expected.sum() <= expected.size
    np.testing.assert_array_equal(cell(Tensor(x)).asnumpy(), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rearrange("a b -> a"), "one side"),
        (lambda: Rearrange("a b -> a a b"), "[Dd]uplicat"),
        (lambda: Rearrange("a (b -> a b"), "[Bb]rackets|parenthes"),
        (lambda: Rearrange("(a b) -> a b"), "infer"),
        (lambda: Reduce("a b -> a", "median"), "median.*mean, sum"),
        (lambda: Rearrange("a b -> b a", c=3), "c"),
    ],
)
def test_a_bad_pattern_is_refused_when_the_layer_is_made(make, message):
    with pytest.raises(EinopsError, match=message):
        make()


def test_a_shape_that_does_not_fit_names_pattern_and_shape(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a failing compilation leaves files in the working directory
    cell = Rearrange("(a b) c -> a b c", a=4)

    def run(x):
        return cell(x)

    with pytest.raises(EinopsError, match=r"\(a b\) c -> a b c.*'a': 4.*\(6, 2\)"):
        cell(Tensor(values((6, 2))))
    with pytest.raises(Exception, match="can't divide axis of length 6 in chunks of 4"):
        ms.jit(run)(Tensor(values((6, 2))))


def test_the_mean_of_integers_is_refused():
    with pytest.raises(TypeError, match="floating point"):
        Reduce("a b -> a", "mean")(Tensor(np.ones((2, 3), np.int32)))

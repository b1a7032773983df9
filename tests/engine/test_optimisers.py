"""The optimisers against PyTorch's numbers, and the groups of parameters they move."""

from __future__ import annotations

import typing
from collections.abc import Callable
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, Tensor, nn, ops

from star.bounds import Bounds
from star.engine.optimisers import SGD, Adam, AdamW
from star.errors import ConfigError
from star.models.parameter_groups import Factor, parameter_groups

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "optimisers.npz")
START, GRADIENTS = GOLDEN["start"], GOLDEN["gradients"]
RECIPES = {
    "adam_coupled": (Adam(weight_decay=5e-4), 2e-4),
    "adamw": (AdamW(weight_decay=1e-4), 2.5e-5),
    "sgd_nesterov": (SGD(momentum=0.9, nesterov=True, weight_decay=5e-4), 0.1),
}
EACH_RECIPE = pytest.mark.parametrize("name", RECIPES)
BOTH_MODES = pytest.mark.parametrize("graph", [False, True], ids=["pynative", "graph"])


def parameter(name: str, value: np.ndarray = START) -> Parameter:
    return Parameter(Tensor(value), name=name)


def constant(rate: float, steps: int = 3) -> np.ndarray:
    return np.full(steps, rate, np.float32)


def mover(optimiser: nn.Optimizer, *, graph: bool = False) -> Callable[..., object]:
    """A step on the gradients it is called with."""

    def move(*gradients: Tensor) -> object:
        return optimiser(gradients)

    return ms.jit(move) if graph else move


def torch_adam(start: np.ndarray, gradients: np.ndarray, rates: np.ndarray, eps: float = 1e-8) -> np.ndarray:
    """torch.optim.Adam without weight decay, written out in float64."""
    weight, first, second = start.astype(np.float64), np.zeros(start.shape), np.zeros(start.shape)
    for step, (gradient, rate) in enumerate(zip(gradients.astype(np.float64), rates, strict=True), 1):
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        weight -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + eps)
    return weight


@BOTH_MODES
@EACH_RECIPE
def test_three_steps_are_those_of_pytorch(name: str, graph: bool):
    recipe, rate = RECIPES[name]
    weight = parameter("weight")
    move = mover(recipe.build([([weight], constant(rate), 1.0)]), graph=graph)
    for gradient, expected in zip(GRADIENTS, GOLDEN[name], strict=True):
        move(Tensor(gradient))
        np.testing.assert_allclose(weight.asnumpy(), expected, rtol=0, atol=3e-7)
    assert np.abs(GOLDEN[name][-1] - START).max() > 100 * 3e-7


@BOTH_MODES
@pytest.mark.parametrize("size", [1.0, 1e-5, 1e-7, 1e-9])
def test_adam_meets_the_rule_however_small_the_gradients(size: float, graph: bool):
    """The share of eps in the denominator depends on where it is added."""
    gradients, rates = (GRADIENTS * size).astype(np.float32), np.array([1e-3, 2e-3, 5e-4], np.float32)
    weight = parameter("weight", np.zeros_like(START))
    move = mover(Adam().build([([weight], rates, 1.0)]), graph=graph)
    for gradient in gradients:
        move(Tensor(gradient))
    expected = torch_adam(np.zeros_like(START), gradients, rates)
    np.testing.assert_allclose(weight.asnumpy(), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@BOTH_MODES
@EACH_RECIPE
def test_a_group_moves_as_with_an_optimiser_of_its_own(name: str, graph: bool):
    """Rates of each step and factors on the decay, of which one takes it away."""
    recipe, rate = RECIPES[name]
    recipe = type(recipe)(weight_decay=0.5)
    weights = [parameter(letter, START * (1 + index)) for index, letter in enumerate("abcd")]
    slow, fast = np.array([1, 2, 3], np.float32) * rate, np.array([30, 10, 20], np.float32) * rate
    groups = [(weights[:1], slow, 0.0), ([], slow, 1.0), (weights[1:3], fast, 1.0), (weights[3:], slow, 2.0)]
    move = mover(recipe.build(groups), graph=graph)
    for gradient in GRADIENTS:
        move(*[Tensor(gradient)] * 4)
    found = [weight.asnumpy() for weight in weights]
    for index, (rates, decay) in enumerate([(slow, 0.0), (fast, 0.5), (fast, 0.5), (slow, 1.0)]):
        alone = parameter("alone", START * (1 + index))
        move_alone = mover(type(recipe)(weight_decay=decay).build([([alone], rates, 1.0)]), graph=graph)
        for gradient in GRADIENTS:
            move_alone(Tensor(gradient))
        np.testing.assert_array_equal(found[index], alone.asnumpy())


def test_decoupled_decay_takes_its_share_of_a_weight_and_coupled_decay_one_step():
    still = Tensor(np.zeros_like(START))
    decoupled, coupled = parameter("weight.decoupled"), parameter("weight.coupled")
    AdamW(weight_decay=0.5).build([([decoupled], constant(0.1), 1.0)])((still,))
    Adam(weight_decay=0.5).build([([coupled], constant(0.1), 1.0)])((still,))
    np.testing.assert_allclose(decoupled.asnumpy(), START * 0.95, rtol=1e-6)
    np.testing.assert_allclose(coupled.asnumpy(), START - 0.1 * np.sign(START), rtol=1e-5)


@BOTH_MODES
@EACH_RECIPE
def test_a_restored_optimiser_goes_on_bit_for_bit(name: str, graph: bool):
    recipe, rate = RECIPES[name]
    rates = np.array([1, 3, 2], np.float32) * rate

    def begin() -> tuple[nn.Optimizer, Callable[..., object]]:
        optimiser = recipe.build([([parameter("weight")], rates, 1.0)])
        return optimiser, mover(optimiser, graph=graph)

    first, move = begin()
    for gradient in GRADIENTS[:2]:
        move(Tensor(gradient))
    stored = {tensor.name: tensor.asnumpy().copy() for tensor in first.get_parameters()}
    move(Tensor(GRADIENTS[2]))
    second, move_on = begin()
    for tensor in second.get_parameters():
        tensor.set_data(Tensor(stored.pop(tensor.name)))
    move_on(Tensor(GRADIENTS[2]))
    assert not stored
    expected = {tensor.name: tensor.asnumpy() for tensor in first.get_parameters()}
    for tensor in second.get_parameters():
        np.testing.assert_array_equal(tensor.asnumpy(), expected[tensor.name], err_msg=tensor.name)


def test_a_step_left_out_takes_its_rate_with_it_but_is_none_of_adam_s():
    rates = np.array([1e-3, 1e-2, 2e-3, 1e-3], np.float32)
    weight = parameter("weight")
    optimiser = Adam().build([([weight], rates, 1.0)])
    optimiser((Tensor(GRADIENTS[0]),))
    optimiser.assignadd(optimiser.global_step, optimiser.global_step_increase_tensor)
    for gradient in GRADIENTS[1:]:
        optimiser((Tensor(gradient),))
    np.testing.assert_allclose(weight.asnumpy(), torch_adam(START, GRADIENTS, rates[[0, 2, 3]]), rtol=0, atol=3e-7)


SGD_NAMES = {
    *("global_step", "momentum", "accum.a", "accum.b", "stat.a", "stat.b"),
    *("learning_rate_group_0", "learning_rate_group_1"),
}
ADAM_NAMES = {
    *("global_step", "moved", "moment1.a", "moment1.b", "moment2.a", "moment2.b"),
    *("learning_rate_group_0", "learning_rate_group_1"),
}


@pytest.mark.parametrize("prefix", ["", "modality_classifier."])
@pytest.mark.parametrize(("recipe", "names"), [(SGD(), SGD_NAMES), (Adam(), ADAM_NAMES)])
def test_names_of_the_state_begin_with_the_prefix(recipe: SGD | Adam, names: set[str], prefix: str):
    """Those of SGD without any are in the checkpoints of every run."""
    groups = [([parameter(name)], constant(0.1), 1.0) for name in "ab"]
    found = [tensor.name for tensor in recipe.build(groups, prefix).get_parameters()]
    assert sorted(found) == sorted({"a", "b"} | {prefix + name for name in names})


@pytest.mark.parametrize("first", RECIPES)
@pytest.mark.parametrize("second", RECIPES)
def test_two_optimisers_work_in_one_compiled_function(first: str, second: str):
    weights = [parameter("first"), parameter("second")]
    optimisers = [
        RECIPES[name][0].build([([weight], constant(RECIPES[name][1]), 1.0)], prefix)
        for name, weight, prefix in zip((first, second), weights, ("", "further."), strict=True)
    ]

    @ms.jit
    def move(gradient: Tensor) -> object:
        optimisers[1]((gradient,))
        return optimisers[0]((gradient,))

    for gradient in GRADIENTS:
        move(Tensor(gradient))
    for name, weight in zip((first, second), weights, strict=True):
        np.testing.assert_allclose(weight.asnumpy(), GOLDEN[name][-1], rtol=0, atol=3e-7)


@pytest.mark.parametrize("recipe", [SGD, Adam, AdamW])
def test_a_constructor_s_signature_says_what_its_arguments_may_be(recipe: type):
    hints = typing.get_type_hints(recipe.__init__, include_extras=True)
    assert hints["weight_decay"] == typing.Annotated[float, Bounds(minimum=0)]
    assert set(hints) - {"return"} == set(vars(recipe()))


def named(*names: str) -> list[Parameter]:
    return [Parameter(ops.zeros(1), name=name) for name in names]


def names_of(groups: dict) -> dict[str, list[str]]:
    return {name: [tensor.name for tensor in group.parameters] for name, group in groups.items()}


def test_the_first_pattern_that_is_found_counts():
    parameters = named("head.bias", "backbone.conv.weight", "pose.backbone.weight", "backbone.conv.bias", "neck.gamma")
    factors = {"biases": Factor(r"\.bias$", rate=25.0), "backbone": Factor(r"^backbone\.", rate=0.1, decay=0.0)}
    groups = parameter_groups(parameters, factors)
    assert names_of(groups) == {
        "biases": ["head.bias", "backbone.conv.bias"],
        "backbone": ["backbone.conv.weight"],
        "head": ["pose.backbone.weight", "neck.gamma"],
    }
    assert list(groups) == ["biases", "backbone", "head"]
    assert [(group.rate, group.decay) for group in groups.values()] == [(25.0, 1.0), (0.1, 0.0), (1.0, 1.0)]


def test_without_factors_all_parameters_are_in_one_group():
    assert names_of(parameter_groups(named("a", "b"), {})) == {"head": ["a", "b"]}


def test_every_wrong_factor_is_named():
    factors = {
        "broken": Factor("(conv"),
        "all": Factor("conv"),
        "late": Factor("conv1"),
        "absent": Factor("transformer"),
        "head": Factor("conv"),
    }
    with pytest.raises(ConfigError) as error:
        parameter_groups(named("conv1.weight", "conv2.weight"), factors)
    assert [(problem.key, problem.given) for problem in error.value.problems] == [
        ("optimiser.factors.broken.pattern", "'(conv'"),
        ("optimiser.factors.head", "a factor"),
        ("optimiser.factors.late.pattern", "'conv1'"),
        ("optimiser.factors.absent.pattern", "'transformer'"),
    ]
    assert "regular expression" in str(error.value) and "no factor before it takes" in str(error.value)


def test_recipes_that_no_optimiser_can_follow_are_refused():
    with pytest.raises(ConfigError, match=r"optimiser\.momentum: given 0\.0, expected above 0"):
        SGD(momentum=0.0)
    assert SGD(momentum=0.0, nesterov=False).momentum == 0
    with pytest.raises(ConfigError, match=r"optimiser\.beta1: .*\n.*optimiser\.beta2: given 1, expected .* below 1"):
        AdamW(beta1=1.0, beta2=1)

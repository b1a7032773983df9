"""A step of several optimisers against float64, in either mode, and against MITML's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from support.reference import weight

from star.engine.apply_gradients import make_update
from star.engine.further import Objective, make_step
from star.engine.loss_scale import LossScale
from star.engine.optimisers import SGD

BOTH_MODES = pytest.mark.parametrize("graph", [False, True], ids=["pynative", "graph"])
BOTH_ORDERS = pytest.mark.parametrize("order", ["before", "after"])
STEPS, CLIPS = 4, 6
MAIN_RATES = np.array([0.05, 0.1, 0.02, 0.08], np.float32)
FURTHER_RATES = np.array([0.2, 0.05, 0.1, 0.3], np.float32)
DECAY = 0.01
RNG = np.random.default_rng(5)
INPUTS = RNG.standard_normal((STEPS, CLIPS, 4)).astype(np.float32)
TARGETS = RNG.standard_normal((STEPS, CLIPS, 2)).astype(np.float32)
START = {
    name: (0.5 * RNG.standard_normal(shape)).astype(np.float32)
    for name, shape in {"first": (4, 3), "second": (3, 2), "centre": (3,), "late": (3, 2)}.items()
}
MAIN, FURTHER = ("first", "second", "centre"), ("late",)


def compiled(step: Callable, graph: bool) -> Callable:
    return ms.jit(step) if graph else step


class Early(nn.Cell):
    """X = input * first and Y = X * second, of one input or of two that are added."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Parameter(Tensor(START["first"]), name="first")
        self.second = Parameter(Tensor(START["second"]), name="second")

    def construct(self, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        x = ops.matmul(one + other, self.first)
        return x, ops.matmul(x, self.second)


class Linear:
    """The example: Y and late(X) pull at each other, and the main loss has a parameter of its own.

    further loss = mean((late(X) - targets)^2)
    main loss = mean((Y - late(X))^2) + mean((Y + targets)^2) + mean((X - centre)^2)
    """

    def __init__(self, *, graph: bool, order: str, clip_norm: float | None = None, scale: LossScale | None = None):
        early = Early()
        late, centre = (Parameter(Tensor(START[name]), name=name) for name in ("late", "centre"))
        self.parameters = {"first": early.first, "second": early.second, "centre": centre, "late": late}

        def main_loss(targets: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            pull = ops.mean(ops.square(y - ops.matmul(x, late)))
            loss = pull + ops.mean(ops.square(y + targets)) + ops.mean(ops.square(x - centre))
            return loss if scale is None else scale(loss), ops.stack((pull, loss))

        def further_loss(targets: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            loss = ops.mean(ops.square(ops.matmul(x, late) - targets))
            return loss, ops.stack((loss,))

        def objective(loss: Callable, names: tuple[str, ...], rates: np.ndarray, **update) -> Objective:
            own = [self.parameters[name] for name in names]
            optimiser = SGD(weight_decay=DECAY).build([(own, rates, 1.0)], "further." if names == FURTHER else "")
            return Objective(loss, optimiser.parameters, make_update(optimiser, processes=1, **update))

        main = objective(main_loss, MAIN, MAIN_RATES, clip_norm=clip_norm, loss_scale=scale)
        further = objective(further_loss, FURTHER, FURTHER_RATES, clip_norm=None, loss_scale=None)
        self.step = compiled(make_step(early, 2, main, **{order: (further,)}), graph)

    def run(self, step: int, factor: float = 1.0) -> list[np.ndarray]:
        """[values of both losses] after one step on the inputs times a factor."""
        half = Tensor(INPUTS[step] * np.float32(factor / 2))
        return [values.asnumpy() for values, _ in self.step(Tensor(TARGETS[step]), half, half)]

    def values(self) -> dict[str, np.ndarray]:
        return {name: parameter.asnumpy().copy() for name, parameter in self.parameters.items()}


class Nesterov:
    """torch.optim.SGD with Nesterov momentum 0.9 and weight decay, in float64."""

    def __init__(self, weights: dict[str, np.ndarray], names: tuple[str, ...], rates: np.ndarray):
        self.weights, self.names, self.rates = weights, names, rates.astype(np.float64)
        self.buffers: dict[str, np.ndarray] = {}

    def __call__(self, step: int, gradients: dict[str, np.ndarray]) -> None:
        for name in self.names:
            gradient = gradients[name] + DECAY * self.weights[name]
            self.buffers[name] = 0.9 * self.buffers[name] + gradient if name in self.buffers else gradient
            self.weights[name] = self.weights[name] - self.rates[step] * (gradient + 0.9 * self.buffers[name])


class Expected(NamedTuple):
    """After each step: losses as `Linear.run` gives them, weights."""

    losses: list[list[np.ndarray]]
    weights: list[dict[str, np.ndarray]]


def expected(order: str, clip_norm: float | None = None) -> Expected:
    """The example, differentiated by hand."""
    w = {name: value.astype(np.float64) for name, value in START.items()}
    main, further = Nesterov(w, MAIN, MAIN_RATES), Nesterov(w, FURTHER, FURTHER_RATES)
    found = Expected([], [])
    for step in range(STEPS):
        given, targets = INPUTS[step].astype(np.float64), TARGETS[step].astype(np.float64)
        x = given @ w["first"]
        y = x @ w["second"]

        def step_further(step=step, x=x, targets=targets) -> np.ndarray:
            error = x @ w["late"] - targets
            further(step, {"late": x.T @ error * (2 / error.size)})
            return np.array([np.mean(error**2)])

        def step_main(step=step, given=given, x=x, y=y, targets=targets) -> np.ndarray:
            pull, push, spread = y - x @ w["late"], y + targets, x - w["centre"]
            to_y = 2 * (pull + push) / y.size
            to_x = to_y @ w["second"].T - 2 * pull @ w["late"].T / y.size + 2 * spread / x.size
            gradients = {"first": given.T @ to_x, "second": x.T @ to_y, "centre": -2 * spread.sum(0) / x.size}
            norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
            factor = 1.0 if clip_norm is None else min(1.0, clip_norm / norm)
            main(step, {name: gradient * factor for name, gradient in gradients.items()})
            means = [np.mean(part**2) for part in (pull, push, spread)]
            return np.array([means[0], sum(means)])

        further_values = step_further() if order == "before" else None
        main_values = step_main()
        found.losses.append([main_values, step_further() if further_values is None else further_values])
        found.weights.append(dict(w))
    return found


@BOTH_MODES
@BOTH_ORDERS
@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_steps_are_those_of_the_example_by_hand(order: str, clip_norm: float | None, graph: bool):
    wanted, example = expected(order, clip_norm), Linear(graph=graph, order=order, clip_norm=clip_norm)
    for step in range(STEPS):
        for found, losses in zip(example.run(step), wanted.losses[step], strict=True):
            np.testing.assert_allclose(found, losses, rtol=1e-5)
        for name, value in example.values().items():
            np.testing.assert_allclose(value, wanted.weights[step][name], rtol=0, atol=3e-6, err_msg=f"{step} {name}")


def test_the_cases_above_differ():
    """Order and clipping change every main parameter by much more than the tolerance."""
    plain = expected("before").weights[-1]
    for other in (expected("after"), expected("before", 0.5)):
        assert all(np.abs(other.weights[-1][name] - plain[name]).max() > 1e-3 for name in ("first", "second", "late"))


@BOTH_MODES
@BOTH_ORDERS
def test_a_loss_scale_changes_nothing_until_the_main_gradients_overflow(order: str, graph: bool):
    scale = LossScale(2.0**100, window=1000)
    scaled, plain = (Linear(graph=graph, order=order, scale=used) for used in (scale, None))
    for step in range(2):
        scaled.run(step)
        plain.run(step)
    before = scaled.values()
    for name, value in plain.values().items():
        np.testing.assert_allclose(before[name], value, rtol=0, atol=1e-6)
    scaled.run(2, factor=1e10)
    after = scaled.values()
    assert scale.points()["precision/skipped_steps"] == 1
    assert all(np.array_equal(after[name], before[name]) == (name in MAIN) for name in after)


class Normed(nn.Cell):
    """A linear map and a batch norm."""

    def __init__(self, prefix: str, shape: tuple[int, int]):
        super().__init__()
        self.weight = Parameter(Tensor(RNG.standard_normal(shape).astype(np.float32)), name="weight")
        self.norm = nn.BatchNorm1d(shape[1], momentum=0.9)
        self.update_parameters_name(prefix)

    def construct(self, x: Tensor) -> Tensor:
        return self.norm(ops.matmul(x, self.weight))


@BOTH_MODES
@BOTH_ORDERS
@pytest.mark.parametrize("main_reads_late", [True, False])
def test_running_statistics_move_once_before_the_cut_and_once_a_loss_behind_it(
    main_reads_late: bool, order: str, graph: bool
):
    """With one output and further targets that are several tensors."""
    early, late = Normed("early.", (4, 3)), Normed("late.", (3, 2))
    for cell in (early, late):
        cell.set_train()

    def network(x: Tensor) -> tuple[Tensor]:
        return (early(x),)

    def main_loss(targets: tuple[Tensor, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        loss = ops.mean(ops.square(x - 1.0))
        if main_reads_late:
            loss = loss + ops.mean(ops.square(late(x) + targets[0]))
        return loss, ops.stack((loss,))

    def further_loss(targets: tuple[Tensor, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        loss = ops.mean(ops.square(late(x) - targets[1]))
        return loss, ops.stack((loss,))

    def objective(loss: Callable, cell: nn.Cell, prefix: str) -> Objective:
        optimiser = SGD().build([(cell.trainable_params(), MAIN_RATES, 1.0)], prefix)
        update = make_update(optimiser, clip_norm=None, processes=1, loss_scale=None)
        return Objective(loss, optimiser.parameters, update)

    further = objective(further_loss, late, "further.")
    both = make_step(network, 1, objective(main_loss, early, ""), **{order: (further,)})

    def step(one: Tensor, other: Tensor, x: Tensor) -> tuple:
        return both((one, other), x)

    first, weights = early.weight.asnumpy().copy(), [late.weight.asnumpy().copy()]
    run = compiled(step, graph)
    run(Tensor(TARGETS[0]), Tensor(TARGETS[1]), Tensor(INPUTS[0]))
    weights.append(late.weight.asnumpy())

    def mean_of(x: np.ndarray) -> np.ndarray:
        return np.asarray(x.mean(0))

    x = INPUTS[0] @ first
    normed = (x - mean_of(x)) / np.sqrt(x.var(0) + early.norm.eps)
    np.testing.assert_allclose(early.norm.moving_mean.asnumpy(), 0.1 * mean_of(x), atol=1e-6)
    # The batch norm behind the first one gets rows of mean 0, so its variance tells how often it was called.
    variances = [np.var(normed @ weight, 0, ddof=1) for weight in weights]
    calls = [variances[0]]
    if main_reads_late:
        calls.append(variances[1 if order == "before" else 0])
    running = np.ones(2)
    for variance in calls:
        running = 0.9 * running + 0.1 * variance
    np.testing.assert_allclose(late.norm.moving_variance.asnumpy(), running, rtol=1e-5)


GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "mitml_adversary.npz")
HALVED = [1024 // 2**step for step in range(8)]
VISIBLE, INFRARED, NEITHER = 1, 0, 2


class ModalityClassifier(nn.Cell):
    """MITML's, with the middle taps of its convolutions, which alone meet a vector.

    Attributes:
        reference: parameters by their names in MITML's code.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        into = [width, *HALVED[:-1]]
        names = ["modal.first_layer", *(f"modal.layers.{index}" for index in range(7))]
        self.maps = nn.CellList([nn.Dense(i, o, has_bias=o == HALVED[0]) for i, o in zip(into, HALVED, strict=True)])
        self.norms = nn.CellList([nn.BatchNorm1d(out, momentum=0.9) for out in HALVED])
        self.linear = nn.Dense(HALVED[-1], 3)
        first_bias = self.maps[0].bias
        self.reference = {"modal.Liner.weight": self.linear.weight, "modal.Liner.bias": self.linear.bias}
        for name, norm in zip(names, self.norms, strict=True):
            self.reference |= {f"{name}.1.weight": norm.gamma, f"{name}.1.bias": norm.beta}
            self.reference |= {f"{name}.1.running_mean": norm.moving_mean}
        for name, parameter in ({f"{names[0]}.0.bias": first_bias} | self.reference).items():
            parameter.set_data(Tensor(weight(name, tuple(parameter.shape))))
        for name, dense in zip(names, self.maps, strict=True):
            dense.weight.set_data(Tensor(weight(f"{name}.0.weight", (*dense.weight.shape, 3))[:, :, 1].copy()))
            self.reference[f"{name}.0.weight"] = dense.weight
        self.set_train()

    def construct(self, x: Tensor) -> Tensor:
        for index in range(8):
            x = ops.relu(self.norms[index](self.maps[index](x)))
        return self.linear(x)


@BOTH_MODES
def test_the_adversary_of_mitml(graph: bool):
    """Classifier on detached features, its step, then the confusion of the features by the stepped classifier."""
    start = GOLDEN["clip_features"]
    classifier = ModalityClassifier(start.shape[1])
    features = Parameter(Tensor(start), name="features")
    own = list(classifier.trainable_params())
    optimiser = SGD().build([(own, np.full(1, 0.01, np.float32), 1.0)], "further.")
    rows = len(start) // 2

    def early(zero: Tensor) -> tuple[Tensor]:
        return (features + zero,)

    def cross_entropy(logits: Tensor, visible: Tensor, infrared: Tensor) -> Tensor:
        return ops.cross_entropy(logits[:rows], visible) + ops.cross_entropy(logits[rows:], infrared)

    def further_loss(classes: tuple[Tensor, ...], x: Tensor) -> tuple[Tensor, Tensor]:
        logits = classifier(x)
        loss = cross_entropy(logits, classes[0], classes[1])
        return loss, ops.concat((loss.reshape(1), logits.reshape(-1)))

    def main_loss(classes: tuple[Tensor, ...], x: Tensor) -> tuple[Tensor, Tensor]:
        logits = classifier(x)
        loss = cross_entropy(logits, classes[2], classes[2])
        return loss, ops.concat((loss.reshape(1), logits.reshape(-1)))

    def step_classifier(values: Tensor, gradients: tuple) -> tuple[Tensor, bool]:
        norms = ()
        for gradient in gradients:
            norms = norms + (ops.sqrt(ops.sum(ops.square(gradient))),)
        optimiser(gradients)
        return ops.concat((values, ops.stack(norms))), True

    def show_gradient(values: Tensor, gradients: tuple) -> tuple[Tensor, bool]:
        return ops.concat((values, gradients[0].reshape(-1))), True

    further = Objective(further_loss, optimiser.parameters, step_classifier)
    both = make_step(early, 1, Objective(main_loss, ParameterTuple([features]), show_gradient), before=(further,))

    def step(visible: Tensor, infrared: Tensor, neither: Tensor, zero: Tensor) -> tuple:
        return both((visible, infrared, neither), zero)

    classes = [Tensor(np.full(rows, which, np.int32)) for which in (VISIBLE, INFRARED, NEITHER)]
    (main, _), (adversary, _) = compiled(step, graph)(*classes, Tensor(np.zeros_like(start)))
    main, adversary = main.asnumpy(), adversary.asnumpy()
    size = GOLDEN["logits"].size
    found = {
        "modality_loss": adversary[0],
        "logits": adversary[1 : size + 1].reshape(-1, 3),
        "confusion_loss": main[0],
        "logits_after_step": main[1 : size + 1].reshape(-1, 3),
        "clip_features_grad": main[size + 1 :].reshape(start.shape),
        "first_running_mean": classifier.norms[0].moving_mean.asnumpy()[:16],
        "linear_weight_after": classifier.linear.weight.asnumpy(),
    }
    deviations = dict(zip(GOLDEN["deviation_names"].tolist(), GOLDEN["deviation_values"].tolist(), strict=True))
    for name, value in found.items():
        tolerance = max(1e-5, 20 * deviations[name]) * np.abs(GOLDEN[name]).max()
        np.testing.assert_allclose(value, GOLDEN[name], rtol=0, atol=tolerance, err_msg=name)
    norms = dict(zip((parameter.name for parameter in own), adversary[size + 1 :], strict=True))
    for name, norm, deviation in zip(*(GOLDEN[f"grad_{key}"] for key in ("names", "norms", "deviation")), strict=True):
        ours = norms[classifier.reference[str(name)].name]
        np.testing.assert_allclose(ours, norm, rtol=max(1e-3, 20 * deviation), err_msg=str(name))

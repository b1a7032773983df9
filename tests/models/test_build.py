"""Networks with parts of a user: what each is given, which values it begins with, and the numbers that come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops
from support import foreign_parts as foreign

from star.config.check import check_overrides
from star.config.folders import VARIABLE
from star.config.network_slots import network_slots, setting_of
from star.config.schema import Config
from star.engine.build_network import build_losses, build_model, draws_of_step
from star.models.build import build_parts
from star.models.builder import Builder
from star.models.network import Network

F = "support.foreign_parts"
IDENTITIES, CLIPS, FRAMES, HEIGHT, WIDTH, D = 5, 2, 2, 32, 16, 32
SHAPE = (
    *(f"dataset.frames={FRAMES}", f"dataset.height={HEIGHT}", f"dataset.width={WIDTH}", "dataset.augmentation.pad=2"),
    *("dataset=synthetic", f"schedule.identities={CLIPS}", "schedule.tracklets=1"),
)
TINY = (*SHAPE, "backbone=tiny", "backbone.width=4")
FILES = {
    "aggregation/weighted.yaml": f"_target_: {F}.Weighted\nfactor: 1.0\n",
    "aggregation/doubled.yaml": f"_target_: {F}.Doubled\n",
    "aggregation/by_name.yaml": f"_target_: {F}.WidthByName\n",
    "backbone/sized.yaml": f"_target_: {F}.SizedTrunk\n",
    "backbone/wide.yaml": f"_target_: {F}.WideTrunk\nwidth: 6\n",
    "backbone/signed.yaml": f"_target_: {F}.SignedTrunk\nwidth: 8\n",
    "clip_head/labelled.yaml": f"_target_: {F}.LabelledHead\n",
}


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory):
    """A user's configuration folder."""
    path: Path = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(path))
        yield


def configured(*overrides: str, base: tuple[str, ...] = TINY) -> Config:
    return check_overrides([*base, "experiment=plain", *overrides])


def built(*overrides: str, base: tuple[str, ...] = TINY) -> Network:
    return build_model(configured(*overrides, base=base), identities=IDENTITIES)


def branch(name: str, part: str, **keys: str) -> str:
    return f"branch.{name}={{_target_:{F}.{part}{''.join(f',{key}:{value}' for key, value in keys.items())}}}"


def parts_of(*overrides: str, base: tuple[str, ...] = TINY) -> tuple[Any, Builder]:
    config = configured(*overrides, base=base)
    slots = network_slots(config)
    builder = Builder(setting_of(config, slots, identities=IDENTITIES))
    return build_parts(slots, builder), builder


def values_of(model: Any, prefix: str = "") -> dict[str, np.ndarray]:
    return {p.name: p.asnumpy().copy() for p in model.get_parameters() if p.name.startswith(prefix)}


def batch(seed: int = 0) -> dict[str, np.ndarray]:
    """What a paired batch has, and the same clips as one that is blind to the modality."""
    rng = np.random.default_rng(seed)
    shape = (CLIPS, FRAMES, HEIGHT, WIDTH, 3)
    made = {name: rng.integers(0, 256, shape, dtype=np.uint8) for name in ("visible", "infrared")}
    made |= {f"{name}_joints": rng.random((CLIPS, FRAMES, 17, 3), np.float32) for name in ("visible", "infrared")}
    labels = np.tile(np.arange(CLIPS, dtype=np.int32), 2)
    made |= {"identities": labels, "modality": np.repeat(np.arange(2, dtype=np.int32), CLIPS)}
    both = {"clips": ("visible", "infrared"), "joints": ("visible_joints", "infrared_joints")}
    return made | {name: np.concatenate([made[half] for half in halves]) for name, halves in both.items()}


def fed(model: Network, config: Config, outputs: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What a network gives in training, with the draws of the first step."""
    given = batch() | draws_of_step(config, model)(0)[0]
    model.outputs = outputs
    model.set_train(True)
    return {name: tensor.asnumpy() for name, tensor in model(*[Tensor(given[name]) for name in model.inputs]).items()}


def run(*overrides: str, outputs: tuple[str, ...]) -> dict[str, np.ndarray]:
    config = configured(*overrides)
    return fed(build_model(config, identities=IDENTITIES), config, outputs)


def embedded(model: Network) -> np.ndarray:
    model.set_train(False)
    given = batch()
    return model.embed(Tensor(given["visible"]), Tensor(given["visible_joints"]), False).asnumpy()


@pytest.mark.parametrize("guidance", ["full", "sequence"])
def test_an_own_aggregation_pools_as_guided_pooling_does(guidance: str):
    """With a factor of one in front it is the guided pooling itself, in training and for retrieval."""
    found, features, weights = {}, {}, {}
    for name in ("gem", "weighted"):
        config = configured(f"skeleton_graph={guidance}", f"aggregation={name}")
        model = build_model(config, identities=IDENTITIES)
        own = {"gem": "pooling.mixture.", "weighted": "pooling.pooling.mixture."}[name]
        for parameter in model.get_parameters():
            if parameter.name.startswith(own):
                rng = np.random.default_rng(len(parameter.shape))
                parameter.set_data(Tensor(rng.standard_normal(parameter.shape).astype(np.float32)))
        weights[name] = {name.replace("pooling.pooling", "pooling"): value for name, value in values_of(model).items()}
        found[name] = fed(model, config, ("clip_features", "frames", "descriptor"))
        features[name] = embedded(model)
    assert weights["weighted"].pop("pooling.factor") == 1
    assert weights["gem"].keys() == weights["weighted"].keys()
    for name, value in found["gem"].items():
        np.testing.assert_array_equal(found["weighted"][name], value, err_msg=name)
    np.testing.assert_array_equal(features["weighted"], features["gem"])
    guided = found["weighted"]
    means = [np.power(np.mean(np.maximum(guided["frames"], 1e-6) ** p, 1) + 1e-12, 1 / p) for p in (0.7, 1, 3, 5, 7)]
    weight, bias = weights["gem"]["pooling.mixture.weight"], weights["gem"]["pooling.mixture.bias"]
    logits = (guided["descriptor"] @ weight.T + bias).reshape(2 * CLIPS, 5, D)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(guided["clip_features"], (shares * np.stack(means, 1)).sum(1), rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("guidance", ["none", "frame"])
def test_without_sequence_guidance_an_own_aggregation_has_the_mean(guidance: str):
    overrides = (f"skeleton_graph={guidance}", "aggregation=weighted", "aggregation.factor=3")
    found = run(*overrides, outputs=("clip_features", "frames"))
    np.testing.assert_allclose(found["clip_features"], 3 * found["frames"].mean(1), rtol=1e-5)


def test_a_factor_of_an_own_aggregation_reaches_what_guided_pooling_gives():
    once, twice = (run("skeleton_graph=full", "aggregation=weighted", f"aggregation.factor={factor}",
                       outputs=("clip_features",))["clip_features"] for factor in (1, 2))  # fmt: skip
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)


def test_an_aggregation_reads_joints_and_decides_the_width_of_what_follows():
    config = configured("aggregation=doubled", branch("own", "Classifier"))
    model = build_model(config, identities=IDENTITIES)
    assert model.inputs == ("visible", "infrared", "visible_joints", "infrared_joints")
    assert model.clip_neck.classifier.weight.shape == model.own.dense.weight.shape == (IDENTITIES, 2 * D)
    assert model.frame_neck.classifier.weight.shape == (IDENTITIES, D) and model.out_channels == 2 * D
    found = fed(model, config, ("clip_features", "frames"))
    confidence = batch()["joints"][..., 2].mean((1, 2))[:, None]
    first = found["frames"].mean(1)
    np.testing.assert_allclose(found["clip_features"], np.concatenate([first, first * confidence], 1), rtol=1e-5)
    assert embedded(model).shape == (CLIPS, 2 * D)


def test_a_part_is_told_every_width_known_before_it():
    parts, _ = parts_of("skeleton_graph=full", branch("first", "Widths"), branch("second", "Widths"))
    first, second = parts.branches["first"].widths, parts.branches["second"].widths
    assert first == {
        **dict.fromkeys(("maps", "frame_features", "frames", "clip_features"), D),
        **{"bone_features": D, "joint_features": D, "descriptor": 2 * D},
        **dict.fromkeys(("clip_logits", "frame_logits", "disturbed_logits"), IDENTITIES),
    }
    assert second == {**first, "narrow": 3, "wide": 5}


@pytest.mark.parametrize(
    ("reads", "channels"),
    [
        ("clip_features", D),
        ("frame_features", D),
        ("descriptor", 2 * D),
        ("clip_logits", IDENTITIES),
        ("frame_logits", IDENTITIES),
        ("narrow", 3),
        ("wide", 5),
        ("renamed", 3),
    ],
)
def test_channels_are_those_of_the_tensor_that_is_read_first(reads: str, channels: int):
    renamed = ["gives:{narrow:renamed}"] if reads == "renamed" else []
    widths = f"branch.first={{{','.join([f'_target_:{F}.Widths', *renamed])}}}"
    parts, _ = parts_of("skeleton_graph=full", widths, branch("own", "Classifier", reads=f"[{reads}]"))
    assert parts.branches["own"].dense.weight.shape == (IDENTITIES, channels)


def test_tensors_of_an_aggregation_have_widths_by_name():
    parts, builder = parts_of("aggregation=by_name", branch("own", "Classifier", reads="first_frame"))
    assert builder.widths["clip_features"] == D and builder.widths["first_frame"] == 3
    assert parts.clip_head.classifier.weight.shape == (IDENTITIES, D)
    assert parts.branches["own"].dense.weight.shape == (IDENTITIES, 3)


def test_a_loss_is_given_the_width_of_what_it_reads():
    losses = [f"loss.l{n}={{_target_:{F}.Centres,weight:1,on:{on}}}" for n, on in enumerate(("frames", "clip_logits"))]
    config = configured(*losses)
    terms = build_losses(config, build_model(config, identities=IDENTITIES)).terms
    assert [term.centres.shape for term in list(terms)[-2:]] == [(IDENTITIES, D), (IDENTITIES, IDENTITIES)]


def test_the_size_of_frames_is_given_to_a_constructor_that_names_both():
    (sized, _), (wide, _) = (parts_of(f"backbone={name}", base=SHAPE) for name in ("sized", "wide"))
    assert sized.backbone.frame_size == (HEIGHT, WIDTH)
    assert wide.backbone.out_channels == 6, "a width alone is the configuration's"


OWN = branch("own", "Classifier")


def test_constructor_values_of_own_parts_depend_on_seed_and_place_alone():
    first, again = built(OWN), built(OWN)
    assert values_of(first).keys() == values_of(again).keys()
    for name, value in values_of(first).items():
        np.testing.assert_array_equal(values_of(again)[name], value, err_msg=name)
    weight = values_of(first)["own.dense.weight"]
    assert weight.std() > 0 and (values_of(built(OWN, "seed=1"))["own.dense.weight"] != weight).all()
    np.random.seed(7)
    ms.set_seed(7)
    beside = built(branch("before", "Classifier", gives="[b]"), OWN, branch("after", "Noisy", gives="[a]"))
    np.testing.assert_array_equal(values_of(beside)["own.dense.weight"], weight)
    assert (values_of(beside)["before.dense.weight"] != weight).all(), "another place, other values"
    np.testing.assert_array_equal(
        values_of(built(OWN, "skeleton_graph=full"))["own.dense.weight"], weight, "guidance changes nothing"
    )


def test_our_own_parts_begin_as_they_did_whatever_stands_beside_them():
    alone, beside = values_of(built()), values_of(built(OWN))
    assert beside.keys() - alone.keys() == {"own.dense.weight", "own.dense.bias"}
    for name, value in alone.items():
        np.testing.assert_array_equal(beside[name], value, err_msg=name)


def test_initial_replaces_what_its_patterns_match():
    made = values_of(built(branch("own", "InitialisedClassifier")), "own.")
    plain = values_of(built(OWN), "own.")
    assert (made["own.dense.weight"] == 0.25).all()
    np.testing.assert_array_equal(made["own.dense.bias"], plain["own.dense.bias"])


def test_a_subclass_of_our_trunk_begins_as_ours_and_another_keeps_its_own():
    ours = values_of(built(), "backbone.")
    config = configured()
    theirs = replace(config, backbone={**config.backbone, "_target_": f"{F}.StarTrunk"})
    for name, value in values_of(build_model(theirs, identities=IDENTITIES), "backbone.").items():
        np.testing.assert_array_equal(value, ours[name], err_msg=name)
    model = built("backbone=signed", base=SHAPE)
    kept = values_of(model, "backbone.")["backbone.convolution.weight"]
    assert 0.005 < kept.std() < 0.02, "0.01 is MindSpore's normal; our rule for convolutions gives more"


def test_own_losses_keep_their_values_and_initial_replaces_them():
    config = configured(f"loss.own={{_target_:{F}.Centres,weight:1}}")
    losses = build_losses(config, build_model(config, identities=IDENTITIES))
    assert (values_of(losses)["loss.own.centres"] == 1).all()


@pytest.mark.parametrize(
    "reads", ["{clip_features:joint_features}", "[joint_features]", "joint_features"], ids=["name", "list", "one"]
)
@pytest.mark.parametrize("gives", ["{own_logits:other}", "[other]", "other"], ids=["name", "list", "one"])
def test_reads_and_gives_are_renamed(reads: str, gives: str):
    config = configured("skeleton_graph=full", branch("own", "Classifier", reads=reads, gives=gives))
    model = build_model(config, identities=IDENTITIES)
    (wire,) = [wire for wire in model.wires if wire.name == "own"]
    assert (wire.reads, wire.gives) == (("joint_features",), ("other",))
    found = fed(model, config, ("joint_features", "other"))
    weight = values_of(model)["own.dense.weight"]
    expected = found["joint_features"] @ weight.T + values_of(model)["own.dense.bias"]
    np.testing.assert_allclose(found["other"], expected, rtol=1e-4, atol=1e-6)


def test_a_layer_of_mindspore_is_a_branch_with_names():
    dense = f"branch.own={{_target_:mindspore.nn.Dense,in_channels:{D},out_channels:3,reads:clip_features,gives:x}}"
    found = run(dense, branch("next", "Classifier", reads="x"), outputs=("x", "own_logits"))
    assert found["x"].shape == (2 * CLIPS, 3) and found["own_logits"].shape == (2 * CLIPS, IDENTITIES)


@pytest.mark.parametrize("mixed", [False, True], ids=["paired", "mixed"])
def test_maps_of_the_encoder(mixed: bool):
    """The features are their mean over height and width."""
    blind = ("stream=mixed", "sampler=modality_blind", "backbone.stems=one", f"schedule.identities={2 * CLIPS}")
    found = run(*(blind if mixed else ()), outputs=("maps", "frame_features", "frames"))
    assert found["maps"].shape == (2 * CLIPS * FRAMES, D, HEIGHT // 16, WIDTH // 16)
    np.testing.assert_allclose(found["maps"].mean((2, 3)), found["frame_features"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["frames"].reshape(-1, D), found["frame_features"])


def test_skeletons_of_clips_in_any_order():
    """One stem sees each clip as it would in a paired batch; joints go with their clips."""
    one_stem, outputs = ("backbone.stems=one", "skeleton_graph=sequence"), ("descriptor", "bone_features")
    paired = run(*one_stem, outputs=outputs)
    blind = ("stream=mixed", "sampler=modality_blind", f"schedule.identities={2 * CLIPS}")
    mixed = run(*one_stem, *blind, outputs=outputs)
    for name in outputs:
        assert mixed[name].shape == paired[name].shape
    np.testing.assert_allclose(mixed["bone_features"], paired["bone_features"], rtol=1e-4, atol=1e-5)


def test_a_trunk_without_stems_and_with_features_of_any_sign():
    config = configured("backbone=signed", "skeleton_graph=frame", "aggregation=weighted", base=SHAPE)
    model = build_model(config, identities=IDENTITIES)
    found = fed(model, config, ("frame_features", "frames", "clip_features"))
    assert (found["frame_features"] < 0).any(), "nothing in between cuts them off"
    np.testing.assert_allclose(found["clip_features"], found["frames"].mean(1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(embedded(model), axis=1), 1, rtol=1e-5)


def test_random_inputs_have_the_name_of_their_part_and_are_left_out_in_evaluation():
    config = configured(branch("one", "Noisy", gives="[a]"), branch("two", "NoisyInEvaluation", gives="[b]"))
    model = build_model(config, identities=IDENTITIES)
    model.outputs = ("a", "b")
    assert model.inputs == ("visible", "infrared", "one.noise", "two.noise")
    draws = [draws_of_step(config, model)(step)[0] for step in (0, 0, 1)]
    assert set(draws[0]) >= {"one.noise", "two.noise"}
    assert draws[0]["one.noise"].shape == (2 * CLIPS, D) and (draws[0]["one.noise"] != draws[0]["two.noise"]).any()
    np.testing.assert_array_equal(draws[0]["one.noise"], draws[1]["one.noise"])
    assert (draws[0]["one.noise"] != draws[2]["one.noise"]).any()
    found = fed(model, config, ("clip_features", "a"))
    weights = values_of(model)
    expected = (found["clip_features"] + draws[0]["one.noise"]) @ weights["one.dense.weight"].T
    np.testing.assert_allclose(found["a"], expected + weights["one.dense.bias"], rtol=1e-3, atol=1e-5)
    assert embedded(model).shape == (CLIPS, D)


def test_another_parts_draws_change_none():
    draws = []
    for overrides in ((), (branch("one", "Noisy", gives="[a]"),), (branch("z", "NoisyInEvaluation", gives="[z]"),)):
        config = configured(*overrides, branch("own", "Noisy"), "skeleton_graph=full", "style=saadg")
        draws.append(draws_of_step(config, build_model(config, identities=IDENTITIES))(3)[0])
    for other in draws[1:]:
        for name, array in draws[0].items():
            np.testing.assert_array_equal(other[name], array, err_msg=name)


def test_a_head_that_reads_labels_in_training_alone():
    config = configured("clip_head=labelled")
    model = build_model(config, identities=IDENTITIES)
    assert model.inputs == ("visible", "infrared", "identities")
    found = fed(model, config, ("clip_features", "clip_logits"))
    weights = values_of(model, "clip_neck.")
    plain = found["clip_features"] @ weights["clip_neck.dense.weight"].T + weights["clip_neck.dense.bias"]
    np.testing.assert_allclose(found["clip_logits"], plain + batch()["identities"][:, None], rtol=1e-3, atol=1e-5)
    features = embedded(model)
    assert features.shape == (CLIPS, D)


CHAIN = (
    branch("early", "Classifier", gives="[early_logits]"),
    branch("late", "Classifier", gives="[late_logits]"),
    branch("behind", "Classifier", reads="[late_logits]", gives="[behind_logits]"),
    branch("both", "Classifier", reads="[early_logits]", gives="[both_logits]"),
)
ALL = ("clip_logits", "early_logits", "late_logits", "behind_logits", "both_logits")


def test_a_network_that_is_cut_gives_what_the_rest_reads_and_the_rest_gives_what_is_missing():
    config = configured(*CHAIN)
    model = build_model(config, identities=IDENTITIES)
    whole = fed(model, config, ALL)
    model.cut({"late"})
    late = {wire.name for wire, flag in zip(model.wires, model.is_late, strict=True) if flag}
    assert late == {"late", "behind"}, "with what reads what it gives"
    assert set(model.outputs) == {"clip_logits", "early_logits", "both_logits", "clip_features"}
    first = fed(model, config, model.outputs)
    assert first.keys() == set(model.outputs)
    known = model.call_late({name: Tensor(value) for name, value in first.items()})
    assert known.keys() == {*first, "late_logits", "behind_logits"}
    for name in ALL:
        np.testing.assert_allclose(known[name].asnumpy(), whole[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_cut_of_nothing_changes_nothing():
    model = built(*CHAIN)
    before = model.outputs
    model.cut(())
    assert model.outputs == before and not any(model.is_late)
    known = {"clip_features": Tensor(np.zeros((2, D), np.float32))}
    assert model.call_late(dict(known)).keys() == known.keys()


def test_a_cut_network_still_makes_retrieval_features():
    model = built(*CHAIN)
    before = embedded(model)
    model.cut({"late", "early"})
    np.testing.assert_array_equal(embedded(model), before)


def test_a_compiled_network_of_own_parts_gives_the_eager_numbers():
    config = configured(
        *("skeleton_graph=full", "aggregation=weighted", branch("own", "NoisyInEvaluation"), branch("w", "Widths")),
    )
    model = build_model(config, identities=IDENTITIES)
    outputs = ("clip_features", "own_logits", "wide", "maps")
    eager = fed(model, config, outputs)
    given = batch() | draws_of_step(config, model)(0)[0]
    function: Callable[..., dict[str, Tensor]] = ms.jit(model)
    compiled = function(*[Tensor(given[name]) for name in model.inputs])
    assert tuple(compiled) == outputs
    for name in outputs:
        np.testing.assert_allclose(compiled[name].asnumpy(), eager[name], rtol=2e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_part_that_returns_another_number_of_tensors_is_named(compiled: bool):
    config = configured(branch("b", "Miscounted"))
    model = build_model(config, identities=IDENTITIES)
    model.outputs = (*model.outputs, "first")
    given = batch() | draws_of_step(config, model)(0)[0]
    function: Callable[..., dict[str, Tensor]] = ms.jit(model) if compiled else model
    with pytest.raises(ValueError, match=r"branch\.b: its construct does not return a tensor for each of .*'first'"):
        function(*[Tensor(given[name]) for name in model.inputs])


def test_one_name_is_not_its_letters():
    model = built(branch("b", "OneName"))
    assert model.reads[[row.name for row in model.wires].index("b")] == ("clip_features",)


def test_gradients_reach_own_parts_and_pass_through_them():
    config = configured("skeleton_graph=full", "aggregation=weighted", OWN)
    model = build_model(config, identities=IDENTITIES)
    model.outputs = ("own_logits",)
    given = batch() | draws_of_step(config, model)(0)[0]
    model.set_train(True)
    tensors = [Tensor(given[name]) for name in model.inputs]
    weights = ms.ParameterTuple(model.trainable_params())

    def loss(*inputs: Tensor) -> Tensor:
        return ops.mean(ops.square(model(*inputs)["own_logits"] - 1.0))

    gradients = dict(zip([w.name for w in weights], ms.grad(loss, None, weights)(*tensors), strict=True))
    moved = {name for name, gradient in gradients.items() if np.abs(gradient.asnumpy()).max() > 0}
    assert {"own.dense.weight", "pooling.factor", "pooling.pooling.mixture.weight"} <= moved
    assert {"backbone.visible_stem.conv.weight", "skeleton.joints.layer1.linear.weight"} <= moved
    assert not {name for name in moved if name.startswith(("clip_neck.", "frame_neck."))}


def test_every_part_that_cannot_be_made_is_told_at_once():
    config = configured()
    slots = network_slots(config)
    head = slots["clip_head"]
    own = {
        "branch.one": head._replace(key="branch.one", target=foreign.LooksUp, given=("channels", "identities")),
        "branch.two": head._replace(key="branch.two", target=foreign.RaisingLoss, given=()),
        "branch.pooling": head._replace(key="branch.pooling", target=foreign.Classifier),
    }
    builder = Builder(setting_of(config, slots, identities=IDENTITIES))
    assert build_parts({**slots, **own}, builder) is None
    assert [problem.key for problem in builder.problems] == ["branch.one", "branch.two", "branch.pooling"]
    assert "KeyError: 'none'" in builder.problems[0].given


@pytest.mark.parametrize("name", ["head", "inputs", "wires", "construct", "training", "widths"])
def test_no_branch_can_take_the_name_of_something_else(name: str):
    """Once such a branch was lost with its parameters, or the network could not be made."""
    config = configured()
    slots = network_slots(config)
    key = f"branch.{name}"
    own = slots["clip_head"]._replace(key=key, target=foreign.Classifier)
    builder = Builder(setting_of(config, slots, identities=IDENTITIES))
    assert build_parts({**slots, key: own}, builder) is None
    assert [problem.key for problem in builder.problems] == [key]


def test_parameters_of_branches_are_all_in_the_network():
    names = ("b", "own", "frames", "noise", "stage", "clip_features", "skeleton_graph", "model", "os")
    model = built(*(branch(name, "Classifier", gives=f"[g{place}]") for place, name in enumerate(names)))
    assert {f"{name}.dense.{kind}" for name in names for kind in ("weight", "bias")} <= values_of(model).keys()

"""Names that parts read and give, without any part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from star.errors import Problem
from star.models.wiring import ALWAYS, MIXED, PAIRED, Row, call_problems, wiring_problems

ENCODER = Row("stream", ("visible", "infrared"), ("frame_features", "frames", "maps"))
BLIND = Row("stream", ("clips",), ("frame_features", "frames", "maps"))
POOLING = Row("aggregation", ("frames",), ("clip_features",))
HEAD = Row("clip_head", ("clip_features",), ("clip_logits",), training_only=True)
LOSSES = {"loss.identity": ("clip_logits", "identities")}


def branch(*reads: str, gives: Sequence[str] = ("own",), drawn: Sequence[str] = (), training_only: bool = True) -> Row:
    return Row("branch.own", reads, tuple(gives), training_only, frozenset(drawn))


def problems(
    *rows: Row,
    encoder: Row = ENCODER,
    losses: Mapping[str, Sequence[str]] = LOSSES,
    embed_gives: Sequence[str] = ("frame_features", "frames", "maps"),
    mixed: bool = False,
) -> list[Problem]:
    return wiring_problems(encoder, embed_gives, [POOLING, HEAD, *rows], losses, mixed=mixed)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [branch("clip_features")],
        [branch("clip_features", "identities", "modality", "visible", "infrared_joints")],
        [branch("clip_features", "joints", "joints_in_pixels", training_only=False)],
        [branch("clip_logits", "clip_features")],
        [branch("clip_features", "own.noise", drawn=["own.noise"])],
        [branch("own.noise", "clip_features", drawn=["own.noise"])],
        [branch("clip_features", "own.a", "own.b", drawn=["own.a", "own.b"], training_only=False)],
        [branch("own.noise", drawn=["own.noise"], training_only=False)],
        [branch(gives=["token"], training_only=False), Row("branch.b", ("token",), ("b",))],
        [branch("clip_features", gives=["clip_features"], training_only=False)],
        [branch("maps", training_only=False), Row("branch.b", ("own",), ("b",), training_only=False)],
    ],
)
def test_what_fits(rows: list[Row]):
    assert problems(*rows) == []


def test_names_of_a_batch_depend_on_its_kind():
    assert problems(encoder=BLIND, mixed=True) == []
    assert [p.given for p in problems(encoder=BLIND)] == ["reads clips"]
    assert [p.given for p in problems(mixed=True)] == ["reads visible", "reads infrared"]
    assert problems(branch("visible_joints")) == []
    (problem,) = problems(branch("visible_joints"), encoder=BLIND, mixed=True)
    assert problem.key == "branch.own" and "did you mean joints?" in problem.expected
    for batch, halves in ((PAIRED, True), (MIXED, False)):
        assert {*ALWAYS, "identities", "modality"} <= set(batch)
        assert ("visible" in batch) == halves and ("clips" in batch) != halves


@pytest.mark.parametrize(
    ("row", "given", "expected"),
    [
        (branch("clip_featurs"), "reads clip_featurs",
         "a tensor that the batch or a part before it gives (did you mean clip_features? known: "),
        (branch("nonsense"), "reads nonsense", "a part before it gives (known: clip_features, clip_logits,"),
        (branch("own"), "reads own", "given before; this one is given by a part after it"),
        (branch("disturbed_features"), "reads disturbed_features", "style.attack=true, which gives it ("),
        (branch("bone_features"), "reads bone_features", "skeleton_graph.bones=true, which gives it ("),
        (branch("pose_logits"), "reads pose_logits", "skeleton_graph.pose_classifier=true, which gives it ("),
        (branch("frame_logits"), "reads frame_logits", "frame_head=neck, which gives it ("),
        (branch("clips"), "reads clips", "sampler=modality_blind, which gives it ("),
        (branch("own.noise"), "reads own.noise", "a tensor that the batch or a part before it gives"),
        (branch("clip_features", gives=["identities"]), "gives identities", "another name: this one is the batch's"),
        (branch("clip_features", gives=["joints"]), "gives joints", "another name: this one is the batch's"),
        (branch("clip_features", gives=["x", "visible"]), "gives visible", "another name: this one is the batch's"),
        (branch("clip_features", "identities", training_only=False), "reads identities, which only a training step has",
         "training_only = True, or a tensor known in evaluation (clip_features, frame_features, frames, joints,"),
        (branch("visible", training_only=False), "reads visible, which only a training step has", "training_only ="),
        (branch("clip_logits", training_only=False), "reads clip_logits, which only a training step has",
         "training_only = True"),
        (branch("own.n", "clip_features", drawn=["own.n"], training_only=False), "reads own.n, clip_features",
         "the names the part draws at the end of `reads`"),
        (branch("clip_features", "own.n", "frames", drawn=["own.n"], training_only=False),
         "reads clip_features, own.n, frames", "the names the part draws at the end of `reads`"),
    ],
)  # fmt: skip
def test_what_does_not_fit(row: Row, given: str, expected: str):
    (problem,) = problems(row)
    assert (problem.key, problem.given) == ("branch.own", given)
    assert expected in problem.expected


def test_a_name_is_known_behind_the_part_that_gives_it_and_not_before():
    later = Row("branch.later", ("clip_features",), ("late",))
    assert [p.key for p in problems(branch("late"), later)] == ["branch.own"]
    assert problems(later, branch("late")) == []
    assert [p.key for p in problems(Row("branch.later", ("late",), ("late",)))] == ["branch.later"]


def test_what_a_training_part_gives_is_not_known_in_evaluation():
    """A part that evaluation calls cannot read it, nor what another part of training gives anew."""
    reader = Row("branch.reader", ("own",), ("b",), training_only=False)
    assert [p.key for p in problems(branch("clip_features"), reader)] == ["branch.reader"]
    assert problems(branch("clip_features", training_only=False), reader) == []
    assert problems(branch("clip_features"), reader._replace(training_only=True)) == []


def test_what_the_encoder_gives_in_training_alone():
    attacked = ENCODER._replace(gives=(*ENCODER.gives, "disturbed_features"))
    assert problems(branch("disturbed_features"), encoder=attacked) == []
    (problem,) = problems(branch("disturbed_features", training_only=False), encoder=attacked)
    assert problem.given == "reads disturbed_features, which only a training step has"
    assert problems(branch("maps", training_only=False), embed_gives=("frames",)) != []


@pytest.mark.parametrize(
    ("reads", "missing"),
    [
        (("clip_logits", "identities"), []),
        (("own", "modality"), []),
        (("visible", "joints"), []),
        (("clip_logit", "identities"), ["reads clip_logit"]),
        (("noise", "nothing"), ["reads noise", "reads nothing"]),
        (("own.noise",), ["reads own.noise"]),
    ],
)
def test_losses_read_what_any_part_gives(reads: tuple[str, ...], missing: list[str]):
    row = branch("clip_features", "own.noise", drawn=["own.noise"])
    found = problems(row, losses={"loss.a": reads})
    assert [p.given for p in found] == missing and {p.key for p in found} <= {"loss.a"}


def test_every_problem_of_a_training_step_is_told_at_once_and_those_of_evaluation_after_them():
    wrong = [branch("clip_featurs", "framse"), Row("branch.b", ("own",), ("identities",))]
    later = Row("branch.c", ("identities",), ("c",), training_only=False)
    found = problems(*wrong, later, losses={"loss.a": ("oun",)})
    assert [(p.key, p.given) for p in found] == [
        ("branch.own", "reads clip_featurs"),
        ("branch.own", "reads framse"),
        ("branch.b", "gives identities"),
        ("loss.a", "reads oun"),
    ]
    assert [p.key for p in problems(later)] == ["branch.c"]


def two(first, second): ...


def optional(first, second=None): ...


def any_number(first, *rest): ...


def keyword(first, *, second): ...


@pytest.mark.parametrize(
    ("function", "fitting"),
    [
        (two, {2}),
        (optional, {1, 2}),
        (any_number, {1, 2, 3}),
        (keyword, set()),
        (lambda *everything: None, {0, 1, 2, 3}),
        (partial(two, None), {1}),
        (len, {1}),
        (dict.fromkeys, {1, 2}),
    ],
)
def test_a_call_has_as_many_tensors_as_names(function: Callable[..., Any], fitting: set[int]):
    names = ("a", "b", "c")
    found = {count for count in range(4) if not list(call_problems("branch.own", function, names[:count]))}
    assert found == fitting


def test_a_wrong_call_is_told_with_names():
    def construct(features: str, *, scale: int = 1) -> str: ...

    assert list(call_problems("branch.own", construct, ("clip_features", "joints"))) == [
        ("branch.own", "construct(features, *, scale=1)", "one that takes 2 tensors: clip_features, joints")
    ]
    assert list(call_problems("clip_head", construct, (), "embed", "in evaluation")) == [
        ("clip_head", "embed(features, *, scale=1)", "one that takes 0 tensors in evaluation: none")
    ]
    assert list(call_problems("branch.own", two, ("a",), when="then")) == [
        ("branch.own", "construct(first, second)", "one that takes 1 tensor then: a")
    ]

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from star.config.schema import number, numbers
from star.config.validate import validate
from star.errors import Problem


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: int = number(minimum=1)
    kind: Literal["a", "b"]


@dataclass(frozen=True, kw_only=True)
class Outer:
    rate: float = number(above=0, maximum=1)
    name: str | None
    flag: bool
    pair: list[float] = numbers(2, minimum=0)
    steps: list[int] = numbers(None, empty=True, minimum=1)
    terms: dict[str, dict[str, Any]]
    inner: Inner


@dataclass(frozen=True, kw_only=True)
class Circle:
    kind: Literal["circle", "disc"]
    radius: float = number(above=0)


@dataclass(frozen=True, kw_only=True)
class Square:
    kind: Literal["square"]
    side: int = number(minimum=1)


@dataclass(frozen=True, kw_only=True)
class Drawing:
    shape: Circle | Square
    labels: str | list[str] | None
    import_: bool = field(metadata={"key": "import"})


GOOD: dict[str, Any] = {
    "rate": 1,
    "name": None,
    "flag": False,
    "pair": [0, 1.5],
    "steps": [],
    "terms": {"one": {}},
    "inner": {"size": 2, "kind": "a"},
}


def problems_of(**changes: Any) -> list[Problem]:
    found: list[Problem] = []
    validate({**GOOD, **changes}, Outer, found)
    return found


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("size", " (did you mean inner.size?)"),
        ("deep", " (known here: rate, name, flag, pair, steps, terms, inner, recipe)"),
        ("recipes", " (did you mean recipe?)"),
    ],
    ids=["of one group", "of two groups", "of no group"],
)
def test_an_unknown_key_may_be_one_of_a_group_or_a_further_name(key: str, hint: str):
    found: list[Problem] = []
    given = {**GOOD, "terms": {"one": {"deep": 1}, "two": {"deep": 1}}, key: 3}
    validate(given, Outer, found, further=["rate", "recipe"])
    assert found == [(key, "3", f"no such key{hint}")]


def test_good_values_become_the_dataclass():
    found: list[Problem] = []
    built = validate(GOOD, Outer, found)
    assert found == []
    assert built == Outer(
        rate=1.0, name=None, flag=False, pair=[0.0, 1.5], steps=[], terms={"one": {}}, inner=Inner(size=2, kind="a")
    )
    assert type(built.rate) is float


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"rate": 0}, "rate", "a number (above 0 and at most 1)"),
        ({"rate": 1.5}, "rate", "a number (above 0 and at most 1)"),
        ({"rate": "1"}, "rate", "a number"),
        ({"rate": float("nan")}, "rate", "a number"),
        ({"rate": True}, "rate", "a number"),
        ({"rate": None}, "rate", "a number"),
        ({"name": 3}, "name", "a text or null"),
        ({"flag": 0}, "flag", "true or false"),
        ({"pair": [1]}, "pair", "a list of 2 numbers (at least 0)"),
        ({"pair": [1, -1]}, "pair", "a list of 2 numbers (at least 0)"),
        ({"pair": 3}, "pair", "a list of 2 numbers"),
        ({"pair": []}, "pair", "a list of 2 numbers"),
        ({"steps": [3, 0]}, "steps", "a list of integers (at least 1)"),
        ({"steps": [1.5]}, "steps", "a list of integers"),
        ({"steps": {3: 0.1}}, "steps", "a list of integers"),
        ({"terms": {"one": 1.0}}, "terms.one", "a group of keys"),
        ({"inner": 3}, "inner", "a group of keys"),
        ({"inner": {"size": 2.5, "kind": "a"}}, "inner.size", "an integer (at least 1)"),
        ({"inner": {"size": 2, "kind": "c"}}, "inner.kind", "one of a, b"),
        ({"inner": {"kind": "a"}}, "inner.size", "an integer"),
        ({"inner": {"size": 2, "kind": "a", "sise": 1}}, "inner.sise", "did you mean size?"),
    ],
)
def test_each_wrong_value_is_named_with_what_was_expected(changes: dict, key: str, expected: str):
    (problem,) = problems_of(**changes)
    assert problem.key == key
    assert expected in problem.expected


def test_all_problems_are_found_at_once():
    found = problems_of(rate=2, flag="no", inner={"size": 0, "kind": "z", "other": 1})
    assert {p.key for p in found} == {"rate", "flag", "inner.size", "inner.kind", "inner.other"}


def test_of_several_dataclasses_the_kind_chooses():
    found: list[Problem] = []
    given = {"shape": {"kind": "disc", "radius": 2}, "labels": "one", "import": True}
    assert validate(given, Drawing, found) == Drawing(shape=Circle(kind="disc", radius=2.0), labels="one", import_=True)
    several = {**given, "shape": {"kind": "square", "side": 1}, "labels": ["one", "two"]}
    assert validate(several, Drawing, found).labels == ["one", "two"]
    assert found == []


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"shape": {"kind": "square", "radius": 1, "side": 1}}, "shape.radius", "no such key (known here: kind, side)"),
        ({"shape": {"kind": "star"}}, "shape.kind", "one of circle, disc, square"),
        ({"shape": {"kind": ["square"]}}, "shape.kind", "one of circle, disc, square"),
        ({"shape": None}, "shape", "a group of keys"),
        ({"labels": 3}, "labels", "a text or a list of texts or null"),
        ({"import": "yes"}, "import", "true or false"),
        ({"import_": True}, "import_", "did you mean import?"),
    ],
)
def test_wrong_choices_are_named(changes: dict, key: str, expected: str):
    found: list[Problem] = []
    validate({"shape": {"kind": "square", "side": 1}, "labels": None, "import": True, **changes}, Drawing, found)
    (problem,) = found
    assert problem.key == key
    assert expected in problem.expected

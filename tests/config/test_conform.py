from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from star.config.conform import conform
from star.config.schema import number, numbers
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
    steps: dict[int, float]
    inner: Inner


GOOD: dict[str, Any] = {
    "rate": 1,
    "name": None,
    "flag": False,
    "pair": [0, 1.5],
    "steps": {3: 0.1},
    "inner": {"size": 2, "kind": "a"},
}


def problems_of(**changes: Any) -> list[Problem]:
    found: list[Problem] = []
    conform({**GOOD, **changes}, Outer, found)
    return found


def test_good_values_become_the_dataclass():
    found: list[Problem] = []
    built = conform(GOOD, Outer, found)
    assert found == []
    assert built == Outer(
        rate=1.0, name=None, flag=False, pair=[0.0, 1.5], steps={3: 0.1}, inner=Inner(size=2, kind="a")
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
        ({"steps": {"x": 1.0}}, "steps.x", "as key an integer"),
        ({"steps": {3: "fast"}}, "steps.3", "a number"),
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

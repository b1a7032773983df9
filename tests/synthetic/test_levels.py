from dataclasses import fields, replace
from typing import Any

import pytest

from star.errors import ConfigError
from star.synthetic import levels as levels_module
from star.synthetic.levels import Levels, find_problems, fingerprint, parse_levels


def test_the_shipped_configuration_names_every_level_once(shipped: dict[str, Any]):
    assert set(shipped) == {field.name for field in fields(Levels)} | {"seed"}
    parsed, seed = parse_levels(shipped)
    assert (parsed.frames, seed) == (tuple(shipped["frames"]), shipped["seed"])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("joint_noise", -0.1, "from 0"),
        ("visible_noise", float("nan"), "from 0"),
        ("train_identities", 0, "a whole number from 1"),
        ("test_identities", 2.5, "a whole number"),
        ("frames", [11, 20], "two whole numbers from 12"),
        ("frames", [20, 12], "the smaller first"),
        ("frames", 12, "two whole numbers"),
        ("occlusion", 1.5, "to 1"),
        ("visible_views", [], "at least one viewing angle"),
        ("infrared_views", ["front"], "viewing angle in degrees"),
        ("jpeg_quality", [0, 90], "from 1 to 100"),
        ("tracklets", True, "a whole number"),
        ("bags", "many", "a number from 0 to 1"),
        ("seed", -1, "a whole number from 0"),
        ("seed", None, "a whole number from 0"),
        ("test_identities", 9990, "at most 9999"),
    ],
)
def test_an_impossible_level_is_named_with_what_was_expected(
    shipped: dict[str, Any], name: str, value: Any, expected: str
):
    with pytest.raises(ConfigError) as caught:
        parse_levels(shipped | {name: value})
    (problem,) = caught.value.problems
    assert problem.key == f"dataset.generate.{name}"
    assert problem.given == repr(value)
    assert expected in problem.expected


def test_all_problems_come_at_once(shipped: dict[str, Any]):
    given = {name: value for name, value in shipped.items() if name not in ("blur", "seed")}
    problems = find_problems(given | {"joint_noize": 0.1, "shadow": -1})
    assert [p.key.rpartition(".")[2] for p in problems] == ["joint_noize", "seed", "shadow", "blur"]
    assert problems[0].expected == "joint_noise?"


def test_the_fingerprint_tells_levels_seeds_and_sources_apart(levels: Levels, monkeypatch: pytest.MonkeyPatch):
    prints = {
        fingerprint(levels, 0),
        fingerprint(levels, 1),
        fingerprint(replace(levels, blur=levels.blur + 0.1), 0),
        fingerprint(replace(levels, frames=(12, 13)), 0),
    }
    assert len(prints) == 4
    assert fingerprint(replace(levels, view_jitter=15), 0) == fingerprint(replace(levels, view_jitter=15.0), 0)
    monkeypatch.setattr(levels_module, "source_digest", lambda: "other code")
    assert fingerprint(levels, 0) not in prints

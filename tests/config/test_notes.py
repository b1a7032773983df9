"""Remarks on configurations that are valid and yet not what their author may think."""

import importlib

import pytest

from star.config.check import check_overrides
from star.config.host_randomness import random_call
from star.config.notes import notes


@pytest.mark.parametrize("method", ["star", "mitml", "iban", "m3reid"])
def test_recipes_of_their_own_length_have_none(method: str):
    assert notes(check_overrides([f"experiment={method}", "size=cpu"])) == []


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["experiment=mitml", "schedule.epochs=3"], ["loss.", ".from_epoch is 3 and the run has 3 epochs: this term"]),
        (["experiment=agw", "schedule.epochs=1"], ["schedule.warmup_epochs is ", "the run has 1 epoch: it is all"]),
        (["experiment=m3reid", "schedule.tracklets=1"], ["sampler=modality_blind: no two clips of a batch are of one"]),
    ],
)
def test_what_has_no_effect_is_told(overrides: list[str], expected: list[str]):
    found = notes(check_overrides([*overrides, "size=cpu"]))
    assert found and all(all(part in note for part in expected) for note in found)


def test_random_numbers_of_the_host_in_a_compiled_part_are_told():
    own = "+loss.noise={_target_: support.foreign_parts.HostNoise, weight: 1}"
    (note,) = notes(check_overrides(["experiment=baseline", "size=cpu", own]))
    assert note.startswith(
        "loss.noise: HostNoise.construct calls np.random.standard_normal: a compiled step draws once"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("random.gauss(0, 1)", "random.gauss"),
        ("uniform(0, 1)", "uniform"),
        ("np.random.default_rng(0).normal()", None),
        ("np.sqrt(2)", None),
        ("self.draw(1)", None),
    ],
)
def test_calls_are_found_by_what_they_are(body: str, expected: str | None, tmp_path, monkeypatch):
    module = f"drawing_{abs(hash(body))}"
    lines = (
        "import random, numpy as np",
        "from numpy.random import uniform",
        "class Part:",
        "    def construct(self, x):",
        f"        return x + {body}",
    )
    (tmp_path / f"{module}.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    assert random_call(importlib.import_module(module).Part) == expected

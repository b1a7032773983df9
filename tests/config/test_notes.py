"""Remarks on configurations that are valid and yet not what their author may think."""

import pytest

from star.config.check import check_overrides
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

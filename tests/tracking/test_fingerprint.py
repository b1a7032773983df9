"""What a run's fingerprint is made of, and what it passes over."""

import shutil
from pathlib import Path

import pytest

from star.config.check import check_overrides
from star.tracking import fingerprint as module
from star.tracking.fingerprint import fingerprint, relevant_values

SYNTHETIC = ["dataset=synthetic", "backbone=tiny"]


def test_corruption_that_is_off_is_as_if_it_did_not_exist():
    plain = check_overrides(SYNTHETIC)
    assert "corruption" not in relevant_values(plain)["dataset"]
    seeded = check_overrides([*SYNTHETIC, "dataset.corruption.seed=3"])
    assert fingerprint(seeded, "data").digest == fingerprint(plain, "data").digest


def test_corruption_that_is_on_makes_another_run():
    marks = {
        fingerprint(check_overrides([*SYNTHETIC, *overrides]), "data").digest
        for overrides in (
            [],
            ["dataset.corruption.occlusion=0.2"],
            ["dataset.corruption.occlusion=0.2", "dataset.corruption.seed=1"],
            ["dataset.corruption.joint_dropout=0.2"],
        )
    }
    assert len(marks) == 4


def test_processes_that_share_all_statistics_count_as_one():
    one = relevant_values(check_overrides([*SYNTHETIC, "hardware=cpu"]))
    assert one["hardware"]["processes"] == 1 and "batch_norm" not in one["hardware"]
    assert relevant_values(check_overrides([*SYNTHETIC, "hardware=cpu_2"])) == one
    assert relevant_values(check_overrides([*SYNTHETIC, "hardware.batch_norm=local"])) == one
    assert relevant_values(check_overrides([*SYNTHETIC, "loss.triplet.gather=false"])) == one
    others = [["hardware.batch_norm=local"], ["loss.triplet.gather=false"]]
    for overrides in others:
        values = relevant_values(check_overrides([*SYNTHETIC, "hardware=cpu_2", *overrides]))
        assert values != one and values["hardware"]["processes"] == 2


@pytest.mark.parametrize(
    "file, counts",
    [
        ("synthetic/person.py", False),
        ("data/pack/writer.py", False),
        ("engine/make_skeletons.py", False),
        ("pose/movenet.py", False),
        ("report/markdown.py", False),
        ("data/transforms.py", True),
        ("models/bones.py", True),
    ],
)
def test_which_code_counts(file: str, counts: bool, tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch):
    """What makes data has a fingerprint of its own, and what reads runs changes none."""
    shutil.copytree(project / "star", tmp_path / "star", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "__file__", str(tmp_path / "star" / "tracking" / "fingerprint.py"))
    before = module.code_digest.__wrapped__()
    assert before == module.code_digest.__wrapped__()
    with (tmp_path / "star" / file).open("a") as source:
        source.write("\n# edited\n")
    assert (module.code_digest.__wrapped__() != before) is counts


def test_the_code_that_does_not_count_is_there(project: Path):
    assert not [name for name in module._NOT_NUMERIC if not (project / "star" / name).is_file()]

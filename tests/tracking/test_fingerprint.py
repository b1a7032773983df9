from star.config.check import check_overrides
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

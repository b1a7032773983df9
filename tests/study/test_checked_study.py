"""All problems of a study at once, before anything is started."""

from dataclasses import replace
from pathlib import Path

import pytest

from star.errors import ReportError
from star.study.checked_study import CheckedStudy, check_study, rerankings_not_made
from star.study.settings import settings_of
from star.study.study import Row, Study, load_study

SIZED = ("baseline_vs_star", "ablation_components", "ablation_skeleton", "ablation_temporal")


def problems_of(study: Study, *given: str) -> list[str]:
    with pytest.raises(ReportError) as caught:
        check_study(study, given)
    return str(caught.value).splitlines()


def test_every_row_is_checked_with_every_seed(checked: CheckedStudy):
    assert list(checked.configs) == [("own", 0), ("own", 1), ("mean", 0), ("mean", 1)]
    assert [config.seed for config in checked.configs.values()] == [0, 1, 0, 1]
    assert {config.study for config in checked.configs.values()} == {"small"}
    assert checked.configs["mean", 1].aggregation["power"] == 1.0


def test_everything_wrong_is_in_one_error(checked: CheckedStudy):
    own = checked.study.rows[0]
    rows = (
        replace(own, overrides=("style=none",)),
        Row("typo", "Typo", "baseline", ("style=none", "schedule.epoch=3")),
    )
    study = replace(checked.study, rows=rows, fill_in=("dataset.skeletons=SKELETONS", "dataset.min_frames=N"))
    first, *lines = problems_of(study, "dataset.min_frames=x", "schedule.epochs=1", "hardware=ascend")
    assert first.endswith("study.yaml has 7 problems:")
    assert (
        "  every row: dataset.skeletons: given nothing, expected dataset.skeletons=SKELETONS on the command line"
        in lines
    )
    assert any(
        line.startswith("  every row: schedule.epochs: given schedule.epochs=1, expected one of dataset.skeletons, ")
        and line.endswith("what changes the numbers belongs into study.yaml")
        for line in lines
    )
    assert "  every row: dataset.min_frames: given 'x', expected an integer (at least 1)" in lines
    assert any(line.startswith("  every row: hardware.target: given Ascend, expected CPU: this ma") for line in lines)
    assert sum(line.startswith("  every row: loss.") and "style.attack=true" in line for line in lines) == 2
    assert "  row typo: schedule.epoch: given 3, expected no such key (did you mean epochs?)" in lines


def test_scores_that_no_run_makes_are_told(checked: CheckedStudy):
    study = replace(checked.study, columns=("i2v/mAP", "i2v/mAP_k_reciprocal"))
    (note,) = rerankings_not_made(check_study(study, []))
    assert note.startswith("i2v/mAP_k_reciprocal: the runs of own, mean have no such score when they end; ")
    making = replace(study, common=(*study.common, "reranking=k_reciprocal"))
    assert rerankings_not_made(check_study(making, [])) == rerankings_not_made(checked) == []


def test_rows_must_differ_in_more_than_their_words(checked: CheckedStudy):
    same = Row("same", "Same", "star", ("skeleton_graph=none", "loss=baseline", "aggregation.power=1"))
    study = replace(checked.study, rows=(*checked.study.rows, same))
    assert problems_of(study) == [
        f"{study.folder / 'study.yaml'} has 1 problem:",
        "  rows mean, same: settings: given the same in all of them, expected rows that differ",
    ]


def test_rows_may_be_about_the_hardware(checked: CheckedStudy):
    eager = Row("eager", "PyNative", "baseline", ("hardware.mode=pynative",))
    study = replace(checked.study, rows=(checked.study.rows[0], eager))
    assert check_study(study, []).configs["eager", 0].hardware.mode == "pynative"


def test_what_the_user_gives(checked: CheckedStudy, tmp_path: Path):
    study = replace(checked.study, rows=checked.study.rows[:1], fill_in=("dataset.min_frames=N",))
    given = [
        "hydra.launcher.n_jobs=2",
        "dataset.min_frames=13",
        "hardware.loader_workers=1",
        f"dataset.root={tmp_path}",
    ]
    result = check_study(study, given)
    assert result.launcher == ("hydra.launcher.n_jobs=2",)
    assert result.filled_in == ("dataset.min_frames=13", "hardware.loader_workers=1", f"dataset.root={tmp_path}")
    assert result.configs["own", 0].dataset.min_frames == 13


def test_to_show_a_study_nothing_need_be_filled_in(project: Path):
    study = load_study(project / "experiments" / "baseline_vs_star")
    result = check_study(study, ["dataset.root=."], to_show=True)
    assert result.filled_in == ("dataset.root=.", "dataset.skeletons=SKELETONS", "backbone.pretrained=WEIGHTS")
    assert check_study(study, [], to_show=True).configs == {}


@pytest.fixture(scope="module")
def shipped(project: Path) -> dict[str, CheckedStudy]:
    """The shipped studies in size cpu, each of which must pass."""
    return {name: check_study(load_study(project / "experiments" / name, "cpu"), []) for name in SIZED}


def test_shipped_studies_pass(shipped: dict[str, CheckedStudy]):
    for checked in shipped.values():
        assert len(checked.configs) == len(checked.study.rows) * len(checked.study.seeds)


def test_shipped_studies_share_runs(shipped: dict[str, CheckedStudy]):
    """Baseline and STAR are trained once for all studies, and the parts of STAR for two of them."""

    def settings(study: str, row: str):
        checked = shipped[study]
        return settings_of(checked.study, checked.configs[row, 0])

    baseline, star = (settings("baseline_vs_star", row) for row in ("baseline", "star"))
    for study, row in (
        ("ablation_components", "baseline"),
        ("ablation_skeleton", "baseline"),
        ("ablation_temporal", "gem"),
    ):
        assert settings(study, row) == baseline
    for study in SIZED[1:]:
        assert settings(study, "star") == star
    assert settings("ablation_components", "both") == settings("ablation_skeleton", "both")
    assert settings("ablation_components", "sequence") == settings("ablation_temporal", "guided")


def test_the_rows_of_temporal_have_all_lengths(shipped: dict[str, CheckedStudy], project: Path):
    configs = shipped["ablation_temporal"].configs
    for kind in ("gem", "star"):
        rows = [row for row, seed in configs if seed == 0 and (row == kind or row.startswith(f"{kind}_t"))]
        rows += [row for row, seed in configs if seed == 0 and kind == "gem" and row.startswith("baseline_t")]
        assert {configs[row, 0].dataset.frames for row in rows} >= {6, 10, 12}
    paper = load_study(project / "experiments" / "ablation_temporal")
    assert [row.overrides for row in paper.rows if row.name.startswith("star_t")] == [
        ("dataset.frames=6",),
        ("dataset.frames=10",),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZED)
def test_shipped_studies_pass_in_the_size_of_the_paper(name: str, project: Path, tmp_path: Path):
    (tmp_path / "weights.npz").touch()
    filled = [
        f"dataset.root={tmp_path}",
        f"dataset.skeletons={tmp_path}",
        f"backbone.pretrained={tmp_path}/weights.npz",
    ]
    checked = check_study(load_study(project / "experiments" / name, "paper"), filled)
    assert all(config.schedule.epochs == 130 for config in checked.configs.values())

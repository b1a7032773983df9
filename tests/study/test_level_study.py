from pathlib import Path

import pytest

from star.data.corruption import KINDS
from star.errors import ReportError
from star.evaluation.robustness_record import NOTHING, Level
from star.study.level_study import is_level_study, load_level_study

LEVELS = """
title: Harder
text: Only a test.
of: tiny
levels:
  occlusion: [0.4, 0.2]
  joint_noise: [0, 0.02]
seed: 3
"""


@pytest.fixture
def folder(study_folder: Path) -> Path:
    """Of a study of levels, beside a study of rows."""
    folder = study_folder.parent / "harder"
    folder.mkdir()
    (folder / "study.yaml").write_text(LEVELS)
    return folder


def test_a_study_of_levels_knows_the_study_it_is_of(folder, study_folder):
    study = load_level_study(folder)
    assert (study.name, study.of.name, study.arguments) == ("harder", "tiny", str(folder))
    assert study.levels == {"occlusion": (0.0, 0.2, 0.4), "joint_noise": (0.0, 0.02)}
    assert study.points == [
        NOTHING,
        Level("occlusion", 0.2, 3),
        Level("occlusion", 0.4, 3),
        Level("joint_noise", 0.02, 3),
    ]
    assert is_level_study(folder) and not is_level_study(study_folder) and not is_level_study(folder / "none")


def test_it_has_the_sizes_of_the_other_study(folder, study_folder):
    path = study_folder / "study.yaml"
    path.write_text(path.read_text() + "sizes:\n  paper: {seeds: [0]}\n  cpu: {seeds: [0, 1]}\n")
    assert [load_level_study(folder, size).name for size in (None, "cpu")] == ["harder/paper", "harder/cpu"]
    assert load_level_study(folder, "cpu").arguments == f"{folder} --size cpu"
    with pytest.raises(ReportError, match="one of paper, cpu"):
        load_level_study(folder, "huge")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "joint_noise:",
            "joint_nose:",
            "levels: given joint_nose, expected only occlusion, joint_noise, joint_dropout",
        ),
        ("[0.4, 0.2]", "[0.4, 20]", r"levels.occlusion: given \[0.4, 20\], expected a list of numbers from 0 to 1"),
        ("[0.4, 0.2]", "0.4", "levels.occlusion: given 0.4, expected a list"),
        ("of: tiny", "of: tinny", "of: given tinny, expected a study beside this one: tiny"),
        ("of: tiny", "of: harder/../none", "of: given harder/../none"),
        ("seed: 3", "seed: -3", "seed: given -3"),
        ("seed: 3", "sed: 3", "key sed: expected only title, of, levels, text, seed"),
        ("title: Harder", "", "title: given nothing, expected a value"),
    ],
)
def test_mistakes_are_named(folder, old, new, message):
    (folder / "study.yaml").write_text(LEVELS.replace(old, new))
    with pytest.raises(ReportError, match=message):
        load_level_study(folder)


def test_all_mistakes_at_once(folder):
    (folder / "study.yaml").write_text("of: none\nlevels: {haze: [0.1]}\n")
    with pytest.raises(ReportError, match="has 3 problems"):
        load_level_study(folder)


def test_the_shipped_study(project):
    study = load_level_study(project / "experiments" / "robustness")
    assert study.of.name.startswith("baseline_vs_star") and tuple(study.levels) == KINDS

"""What `star-skeletons` accepts is what the parts below it can do."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from star.config.check import check_command
from star.config.compose import group_choices
from star.config.skeletons_command import RULES, SkeletonsConfig
from star.errors import ConfigError
from star.pose.importers import COORDINATES, FORMATS
from star.pose.recipe import ESTIMATORS


def test_every_estimator_is_a_choice_with_its_own_keys(tmp_path: Path):
    (model := tmp_path / "model").touch()
    assert set(group_choices("skeletons")["pose"]) == set(ESTIMATORS)
    for kind in ESTIMATORS:
        overrides = [f"dataset.root={tmp_path}", f"out={tmp_path}", f"pose={kind}", f"pose.model={model}"]
        assert check_command(overrides, "skeletons", SkeletonsConfig, RULES).pose.kind == kind


def test_every_format_can_be_imported(tmp_path: Path):
    hints = get_type_hints(SkeletonsConfig)
    assert get_args(get_args(hints["import_"])[0]) == FORMATS
    assert get_args(hints["coordinates"]) == COORDINATES
    for kind in FORMATS:
        overrides = [f"dataset.root={tmp_path}", f"out={tmp_path}", f"import={kind}", f"source={tmp_path}"]
        assert check_command(overrides, "skeletons", SkeletonsConfig, RULES).import_ == kind


@pytest.mark.parametrize(
    ("overrides", "key", "expected"),
    [
        ([], "pose.model", "a MoveNet SinglePose .tflite file"),
        (["pose=onnx_heatmap"], "pose.model", "an .onnx file"),
        (["pose=rtmpose", "pose.variant=huge"], "pose.variant", "one of lightweight, balanced, performance"),
        (["pose=rtmpose", "pose.input_size=[256]"], "pose.input_size", "a list of 2 integers (at least 16) or null"),
        (["pose=rtmpose", "coordinates=centred"], "coordinates", "import=FORMAT beside it"),
        (["pose=rtmpose", "joints=[nose]"], "joints", "import=FORMAT beside it"),
        (["import=npy"], "source", "the npy file or folder (source=FILE)"),
        (["import=npy", "source=[nowhere]"], "source", "existing files or folders"),
        (["import=coco", "source=.", "annotations=nowhere"], "annotations", "existing files"),
        (["import=npy", "source=.", "annotations=pyproject.toml"], "annotations", "null, or import=coco"),
        (["import=npy", "source=.", "source_size=[9,9]", "coordinates=centred"], "source_size", "coordinates=pixels"),
        (["pose=rtmpose", "dataset.pack=file"], "dataset.pack", "in the folder (dataset.root)"),
        (["pose=rtmpose", "backbone=tiny"], "backbone", "no such group here (the groups: dataset, pose)"),
    ],
)
def test_wrong_combinations_are_named(tmp_path: Path, overrides: list[str], key: str, expected: str):
    with pytest.raises(ConfigError) as error:
        check_command([f"dataset.root={tmp_path}", f"out={tmp_path}", *overrides], "skeletons", SkeletonsConfig, RULES)
    found = {problem.key: problem.expected for problem in error.value.problems}
    assert set(found) == {key}
    assert expected in found[key]

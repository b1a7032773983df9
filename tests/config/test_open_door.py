"""Own parts: what once lost their work, or took it for something else, without a word."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from support.commands import SMALL
from support.tiny_vcm import write_tiny_vcm

from star.config.check import check_config, check_overrides
from star.config.command_line import prepare_command_line
from star.config.compose import group_choices
from star.config.folders import VARIABLE, take_config_folders
from star.config.rules import Rule, broken_rules
from star.config.stored import stored_config
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_losses, build_model, build_step, draws_of_step
from star.engine.params import LIMIT, run_params
from star.errors import ConfigError
from star.tracking.fingerprint import fingerprint

LOSS = """
import mindspore as ms
from mindspore import nn, ops
import own_help

class Own(nn.Cell):
    reads = ("clip_features",)
    def __init__(self, channels: int):
        super().__init__()
        self.centre = ms.Parameter(ops.zeros(channels), name="centre")
    def construct(self, x):
        return ops.mean(ops.square(x - self.centre)) * own_help.FACTOR

class Confident(nn.Cell):
    reads = ("joints", "frames")
    gives = ("clip_features",)
    def construct(self, joints, frames):
        return ops.mean(frames, 1) * ops.mean(joints[:, :, :, 2])
"""
OWN = "loss.own={_target_:own_door.Own,weight:1.0}"


@pytest.fixture
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of a user and another one it imports."""
    (tmp_path / "own_door.py").write_text(LOSS)
    (tmp_path / "own_help.py").write_text("FACTOR = 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("own_door", "own_help"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_vcm(tmp_path_factory.mktemp("tiny"), skeletons=True).root


def test_a_changed_own_loss_is_another_run(own_package: Path):
    """Once the fingerprint had this package's source alone: the run counted as finished before."""
    config = check_overrides(["dataset=synthetic", "backbone=tiny", OWN])
    digests = [fingerprint(config, "data").digest]
    for file, text in (("own_door.py", LOSS + "\n# changed\n"), ("own_help.py", "FACTOR = 2.0\n")):
        (own_package / file).write_text(text)
        digests.append(fingerprint(config, "data").digest)
    assert len(set(digests)) == 3
    assert set(fingerprint(config, "data").parts) == {"own_door", "own_help"}
    assert fingerprint(check_overrides(["dataset=synthetic", "backbone=tiny"]), "data").parts == {}


def test_parameters_of_a_loss_are_trained_and_saved(own_package: Path, root: Path):
    """Once the step took gradients of the network's parameters only, and checkpoints had only those."""
    small = (*SMALL, "dataset=hitsz_vcm", f"dataset.root={root}", "hardware.mode=pynative")
    config = check_overrides(["experiment=baseline", *small, OWN])
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    step, state = build_step(config, model, [np.full(2, 0.1, np.float32)] * 2)
    assert not state.tensors()["loss.own.centre"].any()
    step(next(iter(train_loader(config, data).epoch(0))), draws_of_step(config, model)(0), 0)
    moved = state.tensors()
    assert moved["loss.own.centre"].all() and "optimiser.accum.loss.own.centre" in moved


def test_a_foreign_folder_goes_with_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Once --config-dir switched the preparation of the command line off, and hydra.searchpath was refused."""
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.setenv("STAR_OUTPUTS", str(tmp_path / "outputs"))
    (tmp_path / "mine" / "aggregation").mkdir(parents=True)
    (tmp_path / "mine" / "aggregation" / "square.yaml").write_text("defaults: [gem, _self_]\npower: 2.0\n")
    chosen = ["experiment=baseline", "dataset=synthetic", "backbone=tiny", "aggregation=square"]
    for given in (["--config-dir", str(tmp_path / "mine")], [f"hydra.searchpath=[file://{tmp_path / 'mine'}]"]):
        monkeypatch.setenv(VARIABLE, "")
        assert take_config_folders([*given, *chosen]) == chosen
        assert check_overrides(chosen).aggregation["power"] == 2.0
        prepared = prepare_command_line(chosen)
        assert prepared == [*chosen, f"hydra.searchpath=['file://{tmp_path / 'mine'}']"]
    run = tmp_path / "run"
    run.mkdir()
    record = {"run_id": "a" * 32, "overrides": chosen, "version": 2, "config_folders": [str(tmp_path / "mine")]}
    (run / "run.json").write_text(json.dumps(record))
    monkeypatch.setenv(VARIABLE, "")
    resumed = prepare_command_line([f"resume={run}"])
    assert resumed[:4] == chosen and f"hydra.run.dir='{run}'" in resumed and "mine" in resumed[-1]


def test_a_stored_run_is_never_filled_from_another_experiment(tmp_path: Path):
    """Once keys it lacked came from the default experiment: a stored baseline had STAR's skeleton branches."""
    composed = check_overrides(["experiment=baseline", "dataset=synthetic", "backbone=tiny"])
    from dataclasses import asdict

    values = {"version": 2, **asdict(composed)}
    del values["skeleton_graph"]
    OmegaConf.save(OmegaConf.create(values), tmp_path / "config.yaml")
    (tmp_path / "run.json").write_text(json.dumps({"run_id": "a" * 32, "overrides": ["experiment=gone"]}))
    with pytest.raises(ConfigError, match=r"skeleton_graph: given nothing"):
        check_config(stored_config(tmp_path))


def test_joints_reach_a_part_that_reads_them(own_package: Path, root: Path):
    """Once they were loaded for STAR's skeleton branches only: any other part got zeros."""
    small = (*SMALL, "dataset=hitsz_vcm", f"dataset.root={root}", "experiment=baseline")
    folder = own_package / "conf" / "aggregation"
    folder.mkdir(parents=True)
    (folder / "confident.yaml").write_text("_target_: own_door.Confident\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(own_package / "conf"))
        reading, plain = check_overrides([*small, "aggregation=confident"]), check_overrides(small)
    seen = [next(iter(train_loader(c, load_data(c)).epoch(0))).visible_joints for c in (reading, plain)]
    assert seen[0].any() and not seen[1].any()


def test_a_bare_on_in_yaml_is_the_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """To YAML it is a truth value, and the key would be True."""
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "mine.yaml").write_text(
        "defaults: [plain, _self_]\nframes:\n  _target_: star.losses.Identity\n  weight: 1.0\n  on: frame_logits\n"
    )
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    config = check_overrides(["experiment=baseline", "dataset=synthetic", "backbone=tiny", "loss=mine"])
    assert config.loss["frames"]["on"] == "frame_logits"
    model = build_model(config, identities=4)
    assert build_losses(config, model).reads[-1] == ("frame_logits", "identities")


@pytest.mark.parametrize("experiment", group_choices()["experiment"])
def test_no_run_has_more_params_than_the_store_takes(experiment: str):
    config = check_overrides([f"experiment={experiment}", "dataset=synthetic"])
    params = run_params(config)
    assert len(params) <= LIMIT
    telling = {"seed", "backbone", "aggregation", "optimiser", "skeleton_graph.bones", "schedule.epochs"}
    if config.skeleton_graph.sequence_guidance:
        telling |= {"guidance.sequence", "guidance.sequence.powers"}
    assert telling | {f"loss.{name}" for name in config.loss} <= params.keys()
    assert ("skeleton_graph.graph" in params) == config.skeleton_graph.joints


def test_own_parts_are_among_the_params_and_never_too_many():
    """Once 60 were kept and STAR used 53."""
    config = check_overrides(["dataset=synthetic", "backbone=tiny"])
    branches = {f"b{place}": {"_target_": "own.Branch", "rate": place} for place in range(40)}
    params = run_params(replace(config, branch=branches))
    assert len(params) == LIMIT and params["branch.b0"] == "Branch" and params["branch.b0.rate"] == 0


def test_a_rule_with_a_mistake_raises():
    """Once it was passed over for good."""
    config = check_overrides(["dataset=synthetic", "backbone=tiny"])
    typo = Rule("seed", lambda c: c.sede > 0, lambda c: "a seed")
    with pytest.raises(AttributeError, match="sede"):
        broken_rules(config, [], [typo])

"""Own parts: what once lost their work, or took it for something else, without a word."""

from __future__ import annotations

import json
import sys
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from support.commands import SMALL
from support.tiny_vcm import write_tiny_vcm

from star.config.check import check_config, check_overrides
from star.config.command_line import prepare_command_line
from star.config.compose import group_choices
from star.config.constraints import Rule, broken_rules
from star.config.folders import VARIABLE, take_config_folders
from star.config.network_slots import reads_joints
from star.config.stored_run import stored_config
from star.engine.build_data import load_data, train_loader
from star.engine.build_network import build_losses, build_model, build_step, draws_of_step
from star.engine.params import run_params
from star.errors import ConfigError
from star.study.rows import Rows
from star.study.study import Row, Study, load_study
from star.tracking.fingerprint import fingerprint, relevant_values
from star.tracking.names import LARGEST_PARAMS
from star.tracking.runs import RunRecord
from star.types import Share

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
F = "support.foreign_parts"
TINY = ("dataset=synthetic", "backbone=tiny", "backbone.width=4")


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


@pytest.mark.parametrize("place", ["backbone", "aggregation", "clip_head", "sampler", "optimiser", "branch", "further"])
def test_the_source_of_a_part_in_any_place_counts(own_package: Path, place: str):
    """Once a loss was the only place there was."""
    config = check_overrides(["experiment=baseline", *TINY])
    node: dict[str, Any] = {"_target_": "own_door.Own"}
    if place == "further":
        changed = replace(config, optimiser={**config.optimiser, "further": {"own": node}})
    elif place == "branch":
        changed = replace(config, branch={"own": node})
    else:
        changed = replace(config, **{place: {**getattr(config, place), **node}})
    before = fingerprint(changed, "data")
    (own_package / "own_help.py").write_text("FACTOR = 3.0\n")
    after = fingerprint(changed, "data")
    assert before.digest != after.digest
    assert [line.partition(":")[0] for line in after.differences(before)] == ["parts.own_help"]


@pytest.mark.parametrize("graph", [False, True], ids=["pynative", "graph"])
def test_parameters_of_a_loss_have_momentum_and_move_in_either_mode(root: Path, graph: bool):
    """The same in a compiled step, with a loss whose first values come from its constructor."""
    small = (*SMALL, "dataset=hitsz_vcm", f"dataset.root={root}", "experiment=plain")
    own = f"+loss.own={{_target_:{F}.Centres,weight:1}}"
    config = check_overrides([*small, f"hardware.mode={'graph' if graph else 'pynative'}", own])
    data = load_data(config)
    model = build_model(config, identities=len(data.train.identities))
    step, state = build_step(config, model, [np.full(2, 0.1, np.float32)] * 2)
    before = state.tensors()["loss.own.centres"]
    assert (before == 1).all()
    batch = next(iter(train_loader(config, data).epoch(0)))
    step(batch, draws_of_step(config, model)(0), 0)
    after = state.tensors()
    moved = (after["loss.own.centres"] != before).any(axis=1)
    assert set(np.flatnonzero(moved)) >= set(batch.identities.tolist())
    assert after["optimiser.accum.loss.own.centres"].any()
    assert "loss.own.centres" in {p.name for optimiser in step.optimisers for p in optimiser.parameters}


def test_parts_across_rows_are_told_of_the_other_processes_or_refused():
    """Once only BatchHardTriplet was told: any other saw its own rows, under the fingerprint of one process."""
    told = (f"loss.own={{_target_:{F}.SpreadAcrossTold,weight:1}}", f"branch.own={{_target_:{F}.AcrossRowsTold}}")
    silent = (f"loss.own={{_target_:{F}.SpreadAcross,weight:1}}", f"branch.own={{_target_:{F}.AcrossRows}}")
    plain = ("experiment=plain", *TINY)
    config = check_overrides([*plain, *told, "hardware=cpu_2"])
    share = Share(1, 2)
    model = build_model(config, identities=4, share=share)
    assert model.own.share == share
    assert build_losses(config, model, share).terms[-1].share == share
    check_overrides([*plain, *silent])
    with pytest.raises(ConfigError) as error:
        check_overrides([*plain, *silent, "hardware=cpu_2"])
    assert {problem.key for problem in error.value.problems} == {"loss.own", "branch.own"}
    assert all("a constructor with `share`" in problem.expected for problem in error.value.problems)


def test_the_check_survives_types_and_modules_of_all_kinds(own_package: Path):
    """Once it crashed on Sequence, on Literal and on a module that is not Python, and took what lacked arguments."""
    (own_package / "own_text.py").write_text("def f(:\n")
    options = f"branch.own={{_target_:{F}.Options,kind:3,sizes:[x],powers:[0,1]}}"
    with pytest.raises(ConfigError) as error:
        check_overrides([*TINY, options, "loss.own={_target_:own_text.Loss,weight:1}", "loss.b={_target_:os.system}"])
    assert {problem.key: problem.expected.partition(" (")[0] for problem in error.value.problems} == {
        "branch.own.kind": "one of mean, sum",
        "branch.own.sizes": "a list of integers",
        "branch.own.powers": "a list of 2 numbers",
        "branch.own.needed": "a text",
        "loss.own._target_": "a class that can be imported; SyntaxError: invalid syntax",
        "loss.b._target_": "a loss: a subclass of mindspore.nn.Cell with `reads`, the names of the tensors it takes",
        "loss.b.weight": "a number",
    }


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


@pytest.mark.parametrize(
    ("overrides", "read"),
    [
        ((), False),
        ((f"loss.own={{_target_:{F}.Spread,weight:1}}",), False),
        ((f"loss.own={{_target_:{F}.JointsLoss,weight:1}}",), True),
        ((f"loss.own={{_target_:{F}.Spread,weight:1,on:joints}}",), True),
        (("loss.own={_target_:star.losses.Identity,weight:1,on:joints_in_pixels}",), True),
        ((f"branch.own={{_target_:{F}.Classifier,reads:[visible_joints]}}",), True),
        ((f"branch.own={{_target_:{F}.Classifier,reads:{{clip_features:joints}}}}",), True),
        ((f"branch.own={{_target_:{F}.TooFew,reads:[clip_features]}}",), False),
        (("skeleton_graph=frame",), True),
    ],
)
def test_whoever_reads_joints_has_them_loaded(overrides: tuple[str, ...], read: bool):
    assert reads_joints(check_overrides(["experiment=plain", *TINY, *overrides])) == read


def of_version_1(values: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run with generalised mean as they were stored before there was any other pooling."""
    values = deepcopy(values)
    del values["version"]
    values["pooling"] = {"power": values.pop("aggregation")["power"]}
    values["pooling"]["guided_powers"] = values.pop("guidance")["sequence"]["powers"]
    optimiser = values.pop("optimiser")
    values["schedule"] |= {key: optimiser[key] for key in ("momentum", "nesterov", "weight_decay")}
    for key in ("warmup_per", "warmup_start", "decay", "floor"):
        del values["schedule"][key]
    for key in ("stream", "frame_pooling", "frame_head", "clip_head", "branch", "sampler"):
        del values[key]
    for key in ("_target_", "stems"):
        del values["backbone"][key]
    return values


@pytest.fixture
def poolings(tmp_path: Path) -> Study:
    """A study whose rows differ in a key that older runs lack, the row they are not first."""
    folder = tmp_path / "poolings"
    folder.mkdir()
    rows = "".join(f"  - {{name: {n}, label: {n}, experiment: plain, overrides: [aggregation={n}]}}\n"
                   for n in ("max", "mean", "gem"))  # fmt: skip
    text = f"title: T\ntext: T\ncommon: [{', '.join(TINY)}]\nseeds: [0]\nbaseline: max\nrows:\n{rows}"
    (folder / "study.yaml").write_text(text + "columns: [i2v/mAP]\n")
    return load_study(folder)


def test_a_run_that_lacks_a_key_is_not_of_a_row_that_differs_in_it(poolings: Study, tmp_path: Path):
    """Once an old run with generalised mean was of the first row whose other settings it had."""
    values = relevant_values(check_overrides(["experiment=plain", *TINY, "study=poolings"]))
    tags = {"experiment": "plain", "seed": "0", "overrides": "aggregation=max"}
    rows = Rows(poolings)

    def row_of(stored: dict[str, Any]) -> Row | None:
        (tmp_path / "fingerprint.json").write_text(json.dumps({"config": stored}))
        return rows.row_of(RunRecord("a" * 32, "name", "FINISHED", tags, {}, {}, 0.0, 1.0, tmp_path))[0]

    by_name = {row.name: row for row in poolings.rows}
    assert row_of(values) == row_of(of_version_1(values)) == by_name["gem"]
    assert row_of({**values, "aggregation": {"_target_": "star.models.pooling.Mean"}}) == by_name["mean"]
    assert row_of({key: value for key, value in values.items() if key != "aggregation"}) is None


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
    assert len(params) <= LARGEST_PARAMS
    telling = {
        "backbone.pretrained",
        "seed",
        "backbone",
        "aggregation",
        "optimiser",
        "skeleton_graph.bones",
        "schedule.epochs",
    }
    if config.skeleton_graph.sequence_guidance:
        telling |= {"guidance.sequence", "guidance.sequence.powers"}
    assert telling | {f"loss.{name}" for name in config.loss} <= params.keys()
    assert ("skeleton_graph.graph" in params) == config.skeleton_graph.joints


def test_own_parts_are_among_the_params_and_never_too_many():
    """Once 60 were kept and STAR used 53."""
    config = check_overrides(["dataset=synthetic", "backbone=tiny"])
    few, many = (
        run_params(replace(config, branch={f"b{n}": {"_target_": "own.Branch", "rate": n} for n in range(count)}))
        for count in (2, 40)
    )
    assert few["branch.b1"] == "Branch" and few["branch.b1.rate"] == 1 and len(few) <= LARGEST_PARAMS
    assert len(many) == LARGEST_PARAMS and {"branch.b39", "optimiser", "aggregation"} <= many.keys()


def test_params_of_a_run_with_many_own_parts():
    """Through the check, with what tells methods apart among them."""
    branches = [f"branch.b{place}={{_target_:{F}.Options,needed:x,gives:[b{place}]}}" for place in range(5)]
    losses = [f"loss.b{place}={{_target_:star.losses.Identity,weight:0.5,on:b{place}}}" for place in range(5)]
    config = check_overrides(["experiment=star", *TINY, *branches, *losses, "aggregation=mean", "optimiser=adam"])
    params = run_params(config)
    assert len(params) == LARGEST_PARAMS
    assert params["loss.b4"] == 0.5 and params["branch.b4"] == "Options" and params["branch.b4.needed"] == "x"
    assert (params["aggregation"], params["optimiser"], params["backbone"]) == ("Mean", "Adam", "ResNet")
    assert params["guidance.sequence"] == "GuidedPooling"


def test_a_rule_with_a_mistake_raises():
    """Once it was passed over for good."""
    config = check_overrides(["dataset=synthetic", "backbone=tiny"])
    typo = Rule("seed", lambda c: c.sede > 0, lambda c: "a seed")
    with pytest.raises(AttributeError, match="sede"):
        broken_rules(config, [], [typo])

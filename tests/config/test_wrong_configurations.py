"""What a configuration can be wrong in: every case names its keys, and only these."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from star.config.check import check_overrides
from star.config.folders import VARIABLE, use_config_folders
from star.errors import ConfigError

W = "support.wrong_parts"
BRANCH = f"branch.b={{_target_:{W}.Branch,rate:0.5"
BASELINE = ("experiment=baseline",)
MIXED = ("sampler=modality_blind", "stream=mixed", "backbone.stems=one", "style=none", "skeleton_graph=none")
CASES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "an import that raises": (
        ("loss.a={_target_:broken_math.Loss,weight:1}",),
        {"loss.a._target_": "ZeroDivisionError"},
    ),
    "a module that is not Python": (
        ("loss.a={_target_:broken_text.Loss,weight:1}",),
        {"loss.a._target_": "SyntaxError"},
    ),
    "a module that ends the program": (
        ("loss.a={_target_:broken_exit.Loss,weight:1}",),
        {"loss.a._target_": "SystemExit"},
    ),
    "a package that is not there": (
        ("backbone._target_=no_such.Trunk",),
        {"backbone._target_": "is no_such installed"},
    ),
    "a class that is not there": (
        ("aggregation._target_=star.models.pooling.GeneralizedMean",),
        {"aggregation._target_": "did you mean GeneralisedMean"},
    ),
    "a module instead of a class": (("clip_head._target_=star.models.neck",), {"clip_head._target_": "is a module"}),
    "no dotted name": (("clip_head._target_=Neck",), {"clip_head._target_": "a class by its full name"}),
    "no class at all": (("clip_head._target_=null",), {"clip_head._target_": "a part"}),
    "os.system as a loss": (("loss.identity._target_=os.system",), {"loss.identity._target_": "a loss"}),
    "subprocess.Popen as a branch": (
        ("branch.b={_target_:subprocess.Popen,args:ls}",),
        {"branch.b._target_": "a part: a subclass of mindspore.nn.Cell"},
    ),
    "eval as a trunk": (("backbone._target_=builtins.eval",), {"backbone._target_": "a part"}),
    "print as a sampler": (("sampler._target_=builtins.print",), {"sampler._target_": "a sampler"}),
    "a function as an optimiser": (("optimiser._target_=os.remove",), {"optimiser._target_": "an optimiser"}),
    "an array as an aggregation": (("aggregation._target_=numpy.ndarray",), {"aggregation._target_": "a part"}),
    "a class within an argument": (
        (BRANCH + ",name:{_target_:os.system}}",),
        {"branch.b.name._target_": "in its slots only"},
    ),
    "a class of Hydra's": (
        ("hydra.callbacks.x={_target_:os.system}",),
        {"hydra.callbacks.x": "no class"},
    ),
    "a missing argument": (
        (f"branch.b={{_target_:{W}.Branch}}",),
        {"branch.b.rate": "a number (at least 0 and at most 1)"},
    ),
    "an unknown argument": ((BRANCH + ",kinds:mean}",), {"branch.b.kinds": "did you mean kind?"}),
    "none of the words": ((BRANCH + ",kind:median}",), {"branch.b.kind": "one of mean, sum"}),
    "no list": ((BRANCH + ",sizes:3}",), {"branch.b.sizes": "a list of integers"}),
    "a list of other things": ((BRANCH + ",sizes:[1,x]}",), {"branch.b.sizes": "a list of integers"}),
    "a number as a text": ((BRANCH + ",name:3}",), {"branch.b.name": "a text or null"}),
    "out of bounds": ((f"branch.b={{_target_:{W}.Branch,rate:2}}",), {"branch.b.rate": "at most 1"}),
    "true as a number": ((f"branch.b={{_target_:{W}.Branch,rate:true}}",), {"branch.b.rate": "a number"}),
    "a width that is derived": ((BRANCH + ",channels:32}",), {"branch.b.channels": "derived"}),
    "a head's number of identities": (("clip_head.identities=7",), {"clip_head.identities": "derived"}),
    "a name nobody gives": ((BRANCH + ",reads:[clip_feature]}",), {"branch.b": "did you mean clip_features?"}),
    "a name given later": (
        (BRANCH + ",reads:[late]}", f"branch.c={{_target_:{W}.Branch,rate:0.5,gives:[late]}}"),
        {"branch.b": "given by a part after it"},
    ),
    "a loss on an unknown tensor": (("loss.identity.on=frame_logit",), {"loss.identity": "did you mean frame_logits?"}),
    "names that are none": ((BRANCH + ",reads:3}",), {"branch.b.reads": "a list of names"}),
    "a part that needs K = 2": (
        (f"branch.b={{_target_:{W}.Pairs}}", "schedule.tracklets=3"),
        {"schedule.tracklets": "2, which this branch pairs"},
    ),
    "a constructor that raises": (
        (f"branch.b={{_target_:{W}.Raises}}",),
        {"branch.b": "arguments it can be made with"},
    ),
    "guidance on features that may be negative": (
        ("backbone=trunk", "style=none", "loss=plain"),
        {"skeleton_graph.sequence_guidance": "non_negative = True"},
    ),
    "sequence guidance alone on such features": (
        ("backbone=trunk", "style=none", "loss=plain", "skeleton_graph=sequence"),
        {"skeleton_graph.sequence_guidance": "skeleton_graph=frame guides any"},
    ),
    "guidance in the place of a maximum": (
        ("aggregation=max",),
        {"skeleton_graph.sequence_guidance": "Maximum has no mean over the frames"},
    ),
    "the name of a part of the network": (
        (BRANCH.replace("branch.b", "branch.backbone") + "}",),
        {"branch.backbone": "none of"},
    ),
    "a branch that gives the batch's labels": (
        (f"branch.b={{_target_:{W}.GivesLabels,rate:0.5}}",),
        {"branch.b": "another name: this one is the batch's"},
    ),
    "a branch that evaluation cannot call": (
        (f"branch.b={{_target_:{W}.InEvaluation,rate:0.5}}",),
        {"branch.b": "training_only = True"},
    ),
    "random inputs that are not read": (
        (f"branch.b={{_target_:{W}.Unread,rate:0.5}}",),
        {"branch.b": "one of its reads"},
    ),
    "random inputs before others": (
        (f"branch.b={{_target_:{W}.NotLast,rate:0.5}}",),
        {"branch.b": "at the end of `reads`"},
    ),
    "a trunk without a width": (
        ("backbone=nowidth", "style=none", "loss=plain", "skeleton_graph=none"),
        {"backbone": "`out_channels`"},
    ),
    "a clip head without a retrieval feature": ((f"clip_head._target_={W}.Head",), {"clip_head": "`embed`"}),
    "a loss without names": ((f"loss.a={{_target_:{W}.NoReads,weight:1}}",), {"loss.a._target_": "with `reads`"}),
    "no weight": (("loss.a={_target_:star.losses.Identity}",), {"loss.a.weight": "a number (at least 0)"}),
    "a negative weight": (("loss.identity.weight=-1",), {"loss.identity.weight": "at least 0"}),
    "a negative epoch": (("loss.identity.from_epoch=-1",), {"loss.identity.from_epoch": "a number of epochs"}),
    "an attack on a trunk of one stage": (
        (*BASELINE, "backbone=positive"),
        {"style.attack": "whose `stages` are 2 cells or more"},
    ),
    "mixed batches for two halves": (
        (*BASELINE, "sampler=modality_blind", "loss=plain", "style=none"),
        {"stream": "sampler=paired"},
    ),
    "mixed clips through two stems": (
        (*MIXED, "backbone.stems=two", "loss=plain"),
        {"stream": "backbone.stems=one"},
    ),
    "a loss on pairs without pairs": (
        (*MIXED[:-1], "skeleton_graph=full", "skeleton_graph.pose_classifier=true", "loss=plain",
         "loss.c={_target_:star.losses.CrossModalityConsistency,weight:1}"),
        {"loss.c": "sampler=paired"},
    ),
    "a part across rows in two processes": (
        (f"loss.a={{_target_:{W}.Across,weight:1}}", "hardware.processes=2"),
        {"loss.a": "a constructor with `share`"},
    ),
    "a pattern that matches nothing": (
        ("optimiser.factors.heads={pattern:'^head',rate:2.0}",),
        {"optimiser.factors.heads.pattern": "found in the name of a trainable parameter"},
    ),
    "a pattern that is none": (
        ("optimiser.factors.heads={pattern:'(',rate:2.0}",),
        {"optimiser.factors.heads.pattern": "a regular expression"},
    ),
    "an unknown factor": (
        ("optimiser.factors.backbone.rates=2",),
        {"optimiser.factors.backbone.rates": "known here: pattern, rate, decay"},
    ),
    "momentum that nesterov lacks": (("optimiser.momentum=0",), {"optimiser.momentum": "optimiser.nesterov=true"}),
    "a beta of one": (("optimiser=adam", "optimiser.beta1=1.0"), {"optimiser.beta1": "below 1"}),
    "a further optimiser of the trunk": (
        ("optimiser.further.f={_target_:star.engine.optimisers.SGD,parameters:backbone,terms:[identity],learning_rate:1.0}",),
        {"optimiser.further.f.parameters": "a pattern of all parameters of branches"},
    ),
    "a further optimiser without a rate, of no term": (
        (BRANCH + "}", "optimiser.further.f={_target_:star.engine.optimisers.SGD,parameters:'^b[.]',terms:[nothing]}"),
        {"optimiser.further.f.learning_rate": "a number (above 0)", "optimiser.further.f.terms": "a loss term"},
    ),
    "a name of version 1": (("pooling.power=2",), {"pooling.power": "aggregation.power, its name since version 2"}),
    "several at once": (
        ("aggregation.power=0", "loss.triplet.margn=1", "schedule.epochs=x", "backbone.block=wide"),
        {"aggregation.power": "above 0", "loss.triplet.margn": "margin", "schedule.epochs": "an integer",
         "backbone.block": "one of basic, bottleneck"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def broken_modules(tmp_path_factory: pytest.TempPathFactory):
    """Modules of a user that cannot be imported, and a configuration folder."""
    folder = tmp_path_factory.mktemp("broken")
    for name, text in (("math", "1 / 0"), ("text", "def f(:\n"), ("exit", "import sys\nsys.exit(3)")):
        (folder / f"broken_{name}.py").write_text(text)
    own = {"backbone": ("Trunk", "Positive", "NoWidth"), "aggregation": ("Pooling",)}
    for group, name in [(group, name) for group, names in own.items() for name in names]:
        (folder / group).mkdir(exist_ok=True)
        (folder / group / f"{name.lower()}.yaml").write_text(f"_target_: {W}.{name}\n")
    sys.path.insert(0, str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder))
        yield
    sys.path.remove(str(folder))


def problems_of(*overrides: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as error:
        check_overrides(["dataset=synthetic", "backbone=tiny", *overrides])
    return {problem.key: f"{problem.given}: {problem.expected}" for problem in error.value.problems}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_configuration(case: str):
    overrides, expected = CASES[case]
    found = problems_of(*overrides)
    assert set(found) == set(expected)
    for key, text in expected.items():
        assert text in found[key], key


@pytest.mark.parametrize(
    "overrides",
    [
        ("backbone=trunk", "style=none", "loss=plain", "skeleton_graph=frame"),
        ("backbone=positive", "style=none", "loss=plain"),
        ("aggregation=pooling",),
        (BRANCH + ",kind:sum,sizes:[3],name:null}",),
        (BRANCH + ",reads:{clip_features:joint_features},gives:[other]}",),
        (f"branch.b={{_target_:{W}.Pairs}}",),
        (*MIXED, "loss=plain", "aggregation=mean", "optimiser=adamw"),
    ],
)
def test_what_is_right_beside_it(overrides: tuple[str, ...]):
    check_overrides(["dataset=synthetic", "backbone=tiny", *overrides])


def test_a_folder_that_is_none_and_a_file_that_is_no_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ConfigError, match="an existing folder, laid out like conf/"):
        use_config_folders([tmp_path / "no such folder"])
    (tmp_path / "aggregation").mkdir()
    (tmp_path / "aggregation" / "mine.yaml").write_text("_target_: [")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    found = problems_of("aggregation=mine")
    assert list(found) == ["overrides"] and "mine.yaml" in found["overrides"]

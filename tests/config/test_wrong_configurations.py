"""What a configuration can be wrong in: every case names its keys, and only these."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from star.config.check import check_overrides
from star.config.folders import VARIABLE, use_config_folders
from star.errors import ConfigError

F = "support.foreign_parts"
W = "support.wrong_parts"
PLAIN = ("experiment=plain",)
OWN_TERM = (f"branch.b={{_target_:{F}.Classifier}}", "loss.b={_target_:star.losses.Identity,weight:1,on:own_logits}")
FURTHER = "optimiser.further.f={_target_:star.engine.optimisers.SGD,learning_rate:0.1,parameters:'^b[.]'"
BRANCH = f"branch.b={{_target_:{W}.Branch,rate:0.5"
BASELINE = ("experiment=baseline",)
MIXED = ("sampler=modality_blind", "stream=mixed", "backbone.stems=one", "style=none", "skeleton_graph=none")
CASES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "rankings by ONNX Runtime in float16": (
        ("hardware.precision=O2", "hardware.embedding=onnxruntime"),
        {"hardware.embedding": "hardware.precision=O0"},
    ),
    "a misspelt term": (("loss.tripet.weight=2",), {"loss.tripet": "none of this name (did you mean triplet?)"}),
    "a misspelt branch": (
        (f"branch.noisy={{_target_:{F}.Classifier}}", "loss.b={_target_:star.losses.Identity,weight:1,on:own_logits}",
         "branch.nosy.rate=1"),
        {"branch.nosy": "none of this name (did you mean noisy?)"},
    ),
    "a clip of more frames than anybody has": (("dataset.frames=100000",), {"dataset.frames": "at most 1000"}),
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
    "two experiments": (("experiment=[star,baseline]",), {"experiment": "a sweep takes -m"}),
    "several experiments without a sweep": (
        ("experiment=baseline,star",),
        {"experiment": "baseline,star: one value; several need a sweep: star-train -m"},
    ),
    "several values of a key without a sweep": (
        ("schedule.epochs=range(1,3)",),
        {"schedule.epochs": "range(1,3): one value; several need a sweep: star-train -m"},
    ),
    "a list of one trunk": (("backbone=[tiny]",), {"backbone": "one of"}),
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
    "the name of something in every network": (
        (BRANCH.replace("branch.b", "branch.head") + "}",),
        {"branch.head": "another name"},
    ),
    "the name of a method of every network": (
        (BRANCH.replace("branch.b", "branch.embed") + "}",),
        {"branch.embed": "another name"},
    ),
    "a part that tells nothing": (
        ("branch.b={_target_:mindspore.nn.ReLU}",),
        {"branch.b": "ReLU without reads: `reads` and `gives`"},
    ),
    "a part that gives nothing": (
        ("branch.b={_target_:mindspore.nn.ReLU,reads:clip_features}",),
        {"branch.b": "ReLU without gives: `reads` and `gives`"},
    ),
    "a guidance that tells nothing": (
        ("guidance=silent", "skeleton_graph=frame", "loss=baseline"),
        {"guidance.frame": "ReLU without reads"},
    ),
    "a stream that is no encoder": (
        ("stream=none", "style=none", "loss=plain"),
        {"stream": "SignedTrunk without reads, gives, embed_gives, embed: an encoder"},
    ),
    "a part that takes fewer tensors than it reads": (
        (f"branch.b={{_target_:{F}.TooFew}}",),
        {"branch.b": "construct(features): one that takes 2 tensors: clip_features, joints"},
    ),
    "a part that evaluation calls with fewer tensors than it takes": (
        (f"branch.b={{_target_:{F}.NeedsNoise}}",),
        {"branch.b": "construct(features, noise): one that takes 1 tensor in evaluation: clip_features"},
    ),
    "a loss that takes fewer tensors than it reads": (
        (f"loss.a={{_target_:{F}.OneTensorLoss,weight:1}}",),
        {"loss.a": "construct(features): one that takes 2 tensors: clip_features, identities"},
    ),
    "an aggregation that guidance cannot be given to": (
        ("aggregation=unguided",),
        {"aggregation": "construct(frames): one that takes 2 tensors: frames, descriptor"},
    ),
    "a width that is no number": (
        (f"branch.b={{_target_:{F}.TextWidth}}",),
        {"branch.b": "TextWidth with out_channels 'wide': a number above 0"},
    ),
    "a width that is given although the loss gets it": (
        (f"loss.a={{_target_:{F}.Centres,weight:1,channels:3}}",),
        {"loss.a.channels": "derived"},
    ),
    "a loss that needs a width there is not": (
        (f"loss.a={{_target_:{F}.Centres,weight:1,on:joints}}",),
        {"loss.a": "reads joints first: a tensor whose width is known"},
    ),
    "another name for a tensor that the part does not read": (
        (BRANCH + ",reads:{clip_featres:frames}}",),
        {"branch.b.reads.clip_featres": "no such name (did you mean clip_features?)"},
    ),
    "another name for a tensor that the part does not give": (
        (BRANCH + ",gives:{logits:own}}",),
        {"branch.b.gives.logits": "no such name (known here: branch_features)"},
    ),
    "another name for a tensor that the loss does not read": (
        ("loss.identity.on={logits:frame_logits}",),
        {"loss.identity.on.logits": "no such name (did you mean clip_logits?)"},
    ),
    "more tensors than the loss reads": (
        ("loss.identity.on=[clip_logits,frame_logits]",),
        {"loss.identity.on": "no more names than the loss reads (clip_logits)"},
    ),
    "a number as a tensor's name": (("loss.identity.on=3",), {"loss.identity.on": "a name, a list of names"}),
    "a branch that gives the joints": (
        (f"branch.b={{_target_:{F}.TakesJoints}}",),
        {"branch.b": "another name: this one is the batch's"},
    ),
    "a name that a switch gives": (
        (*PLAIN, BRANCH + ",reads:[disturbed_features]}"),
        {"branch.b": "style.attack=true, which gives it"},
    ),
    "a part that needs K = 2 and says so in its own way": (
        (f"branch.b={{_target_:{F}.NeedsPairsPlainly}}", "schedule.tracklets=1"),
        {"branch.b": "which raised ValueError: needs pairs, not 1"},
    ),
    "a constructor that looks a name up": (
        (f"branch.b={{_target_:{F}.LooksUp}}",),
        {"branch.b": "LooksUp, which raised KeyError: 'none'"},
    ),
    "a loss whose file is not there": (
        (f"loss.a={{_target_:{F}.RaisingLoss,weight:1}}",),
        {"loss.a": "which raised FileNotFoundError"},
    ),
    "a draw that raises": (
        (f"branch.b={{_target_:{F}.BadDraw}}",),
        {"branch.b": "random_inputs, which raised IndexError: no such row"},
    ),
    "a frame's height, which a trunk gets": (
        (*PLAIN, "backbone=sized", "+backbone.width=3"),
        {"backbone.width": "derived: the builder gives width"},
    ),
    "a pooling, which an aggregation gets": (("+aggregation.pooling=3", "aggregation=pooling"),
        {"aggregation.pooling": "derived"},
    ),
    "two numbers where all must be": (
        (f"branch.b={{_target_:{F}.Options,needed:x,powers:[1]}}",),
        {"branch.b.powers": "a list of 2 numbers (above 0)"},
    ),
    "null where there must be something": (
        (f"branch.b={{_target_:{F}.Options,needed:null,name:null,limit:null}}",),
        {"branch.b.needed": "a text", "branch.b.name": "a text"},
    ),
    "a class in a list in an argument without a type": (
        (f"branch.b={{_target_:{F}.Anything,option:[{{_target_:os.system,command:ls}}]}}",),
        {"branch.b.option.0._target_": "in its slots only"},
    ),
    "a branch without anything": (("branch.b={}",), {"branch.b._target_": "a class by its full name"}),
    "a null branch": (("branch.b=null",), {"branch.b": "a group of keys"}),
    "a number as a loss": (("loss.identity=3",), {"loss.identity": "a group of keys"}),
    "no optimiser": (("~optimiser",), {"optimiser": "a group of keys"}),
    "no losses": (("~loss",), {"loss": "a group of keys"}),
    "nothing to interpolate": (
        ("~skeleton_graph",),
        {"guidance.frame.heads": "Interpolation key 'skeleton_graph.attention_heads' not found: a value"},
    ),
    "a guidance without its part": (
        ("guidance=frame",),
        {"guidance.sequence": "skeleton_graph.sequence_guidance=false"},
    ),
    "a third guidance": (("+guidance.third={}",), {"guidance.third": "known here: frame, sequence"}),
    "heads that do not divide": (
        ("skeleton_graph.attention_heads=3",),
        {"skeleton_graph.attention_heads": "a divisor of the embedding width 128"},
    ),
    "paired batches for mixed clips": (
        (*PLAIN, "stream=mixed", "backbone.stems=one"),
        {"stream": "sampler=modality_blind, which gives it"},
    ),
    "augmentation of halves that mixed clips lack": (
        ("experiment=baseline", *MIXED[:3]),
        {"style.attack": "style=none or gains"},
    ),
    "a branch on pairs without pairs": (
        (*MIXED, "loss=plain", f"branch.b={{_target_:{F}.PairedRows}}"),
        {"branch.b": "sampler=paired"},
    ),
    "a branch across rows in two processes": (
        (f"branch.b={{_target_:{F}.AcrossRows}}", "hardware.processes=2"),
        {"branch.b": "a constructor with `share`"},
    ),
    "a factor without a pattern": (
        ("optimiser.factors.heads={patern:clip,rate:2}",),
        {"optimiser.factors.heads.patern": "no such key", "optimiser.factors.heads.pattern": "nothing: a regular"},
    ),
    "a number as a pattern": (
        ("optimiser.factors.heads={pattern:3}",),
        {"optimiser.factors.heads.pattern": "3: a regular expression"},
    ),
    "a negative factor": (
        ("optimiser.factors.backbone.decay=-1",),
        {"optimiser.factors.backbone.decay": "at least 0"},
    ),
    "a factor that nothing is left for": (
        ("optimiser.factors.trunk={pattern:'^backbone[.]stage4'}",),
        {"optimiser.factors.trunk.pattern": "that no factor before it takes"},
    ),
    "the name of the rest as a factor": (
        ("optimiser.factors.head={pattern:clip}",),
        {"optimiser.factors.head": "another name"},
    ),
    "a further optimiser that lacks everything": (
        ("optimiser.further.f={_target_:star.engine.optimisers.SGD}",),
        {
            "optimiser.further.f.learning_rate": "nothing: a number (above 0)",
            "optimiser.further.f.parameters": "nothing: a regular expression",
            "optimiser.further.f.terms": "nothing: a list of loss terms",
        },
    ),
    "a further optimiser's own argument": (
        (*OWN_TERM, FURTHER + ",terms:[b],momentum:0}"),
        {"optimiser.further.f.momentum": "above 0 with optimiser.nesterov=true"},
    ),
    "an unknown key of a further optimiser": (
        (*OWN_TERM, FURTHER + ",terms:[b],when:after}"),
        {"optimiser.further.f.when": "no such key"},
    ),
    "a further optimiser of half a branch": (
        (*OWN_TERM, FURTHER.replace("^b[.]", "^b[.]dense[.]w") + ",terms:[b]}"),
        {"optimiser.further.f.parameters": "a pattern of all parameters of branches"},
    ),
    "a further optimiser in parts of a batch": (
        (*OWN_TERM, FURTHER + ",terms:[b]}", "schedule.accumulation_steps=2"),
        {"schedule.accumulation_steps": "1 with a further optimiser"},
    ),
    "a further optimiser for a term that begins later": (
        (*OWN_TERM, FURTHER + ",terms:[b]}", "+loss.b.from_epoch=2"),
        {"loss.b.from_epoch": "0: optimiser.further.f has this term"},
    ),
    "a sampler as an optimiser": (
        ("optimiser._target_=star.data.sampler.PairedSampler",),
        {"optimiser._target_": "a class with `build`"},
    ),
    "a class of Hydra's in an experiment": (
        ("experiment=calls",),
        {"hydra.callbacks.x._target_": "os.system: no class"},
    ),
    "a class of logging's in an experiment": (
        ("experiment=logs",),
        {
            "hydra.job_logging.handlers.x.()": "os.system: no class",
            "hydra.job_logging.handlers.y.class": "subprocess.Popen: no class",
        },
    ),
    "an experiment that overrides a group there is not": (
        ("experiment=lost",),
        {"{folder}/experiment/lost.yaml": "override /los: a group there is (did you mean loss?)"},
    ),
    "an experiment with a choice there is not": (
        ("experiment=wrong_choice",),
        {"loss": "loss/baselin: a choice of loss there is (did you mean loss/baseline?)"},
    ),
    "a file built on one there is not": (
        ("aggregation=built",),
        {"{folder}/aggregation/built.yaml": "aggregation/no_such: a choice of aggregation there is (known here: "},
    ),
    "an experiment that does not say where its keys go": (
        ("experiment=below",),
        {"{folder}/experiment/below.yaml": "the first line defaults:: # @package _global_ as its first line"},
    ),
    "an empty experiment": (
        ("experiment=empty",),
        {"{folder}/experiment/empty.yaml": "an empty file: # @package _global_ as its first line"},
    ),
    "an experiment that only names another": (
        ("experiment=renamed",),
        {"{folder}/experiment/renamed.yaml": "# @package _global_ as its first line"},
    ),
    "an experiment whose keys go below it": (
        ("experiment=seeded",),
        {"{folder}/experiment/seeded.yaml": "the first line seed: 3: # @package _global_ as its first line"},
    ),
    "a part whose first line says too much": (
        ("aggregation=commented",),
        {"overrides": "Too many components in '@package aggregation of mine'"},
    ),
    "an experiment that says more than where its keys go": (
        ("experiment=commented",),
        {"{folder}/experiment/commented.yaml": "# @package _global_ as its first line"},
    ),
    "a recipe of an experiment that does not say where its keys go": (
        ("experiment=with_recipe",),
        {"{folder}/recipe/below.yaml": "# @package _global_ as its first line"},
    ),
    "a tab": (("experiment=tab",), {"{folder}/experiment/tab.yaml, line 3": "a tab: blanks"}),
    "a file that is no YAML": (
        ("aggregation=brace",),
        {"{folder}/aggregation/brace.yaml, line 2": "what is no YAML: valid YAML (expected ',' or '}'"},
    ),
    "an experiment with a key there is not": (
        ("experiment=wrong_key",),
        {"no_such_key": "no such key (known here: "},
    ),
    "a key without its group": (
        ("epochs=3", "learning_rate=0.01"),
        {
            "epochs": "3: no such key (did you mean schedule.epochs?)",
            "learning_rate": "0.01: no such key (did you mean schedule.learning_rate?)",
        },
    ),
    "misspelt groups that are no keys": (
        ("experimnt=star", "methd=star", "szie=cpu", "recipes=star"),
        {
            "experimnt": "no such key (did you mean experiment?)", "methd": "no such key (did you mean method?)",
            "szie": "no such key (did you mean size?)", "recipes": "no such key (did you mean recipe?)",
        },
    ),
    "no equals sign": (
        ("loss.triplet.weight",),
        {"loss.triplet.weight": "KEY=VALUE; it has no =, and blanks around = are not allowed"},
    ),
    "blanks around the equals sign": (
        ("dataset.height = 64", "=", "dataset.height =3"),
        dict.fromkeys(("dataset.height = 64", "=", "dataset.height =3"), "KEY=VALUE without blanks in KEY or around ="),
    ),
    "an experiment there is not": (("experiment=calsl",), {"experiment": "one of agw, baseline,"}),
    "a file without a class": (("aggregation=empty",), {"aggregation._target_": "a class by its full name"}),
    "a file that is a list": (("aggregation=list",), {"aggregation": "a group of keys"}),
    "problems of every part and of other groups": (
        ("aggregation._target_=os.system", f"branch.b={{_target_:{F}.Options}}", "loss.identity.weight=x",
         "dataset.frames=0", "hardware.mode=fast", "no_such_key=1", "schedule=none", "optimiser.momentm=1"),
        {
            "aggregation._target_": "a part", "branch.b.needed": "nothing: a text", "loss.identity.weight": "a number",
            "dataset.frames": "at least 1", "hardware.mode": "one of graph, pynative", "no_such_key": "no such key",
            "schedule": "one of agw, clip_prototypes, from_scratch", "optimiser.momentm": "did you mean momentum?",
        },
    ),
    "a name of version 1": (("pooling.power=2",), {"pooling.power": "aggregation.power, its name since version 2"}),
    "several at once": (
        ("aggregation.power=0", "loss.triplet.margn=1", "schedule.epochs=x", "backbone.block=wide"),
        {"aggregation.power": "above 0", "loss.triplet.margn": "margin", "schedule.epochs": "an integer",
         "backbone.block": "one of basic, bottleneck"},
    ),
}  # fmt: skip


EXPERIMENT = "# @package _global_\n"
FILES = {
    "guidance/silent.yaml": "frame:\n  _target_: mindspore.nn.ReLU\n",
    "guidance/frame.yaml": "frame:\n  _target_: star.models.frame_guidance.FrameGuidance\n  heads: 4\n",
    "stream/none.yaml": f"_target_: {F}.SignedTrunk\n",
    "backbone/sized.yaml": f"_target_: {F}.SizedTrunk\n",
    "aggregation/unguided.yaml": f"_target_: {F}.Unguided\n",
    "aggregation/empty.yaml": "",
    "aggregation/list.yaml": "- 1\n",
    "experiment/calls.yaml": EXPERIMENT + "hydra: {callbacks: {x: {_target_: os.system, command: ls}}}\n",
    "experiment/logs.yaml": EXPERIMENT
    + "hydra: {job_logging: {handlers: {x: {(): os.system, command: ls}, y: {class: subprocess.Popen, args: ls}}}}\n",
    "experiment/lost.yaml": EXPERIMENT + "defaults:\n  - override /los: full\n",
    "experiment/wrong_choice.yaml": EXPERIMENT + "defaults:\n  - override /loss: baselin\n",
    "experiment/below.yaml": "defaults:\n  - override /loss: baseline\n",
    "experiment/empty.yaml": "",
    "experiment/renamed.yaml": "defaults:\n  - baseline\n",
    "experiment/seeded.yaml": "seed: 3\n",
    "aggregation/commented.yaml": "# @package aggregation of mine\npower: 3\n",
    "experiment/commented.yaml": "# @package _global_ of mine\nseed: 3\n",
    "experiment/with_recipe.yaml": EXPERIMENT + "defaults:\n  - override /recipe: below\n",
    "recipe/below.yaml": "defaults:\n  - override /loss: baseline\n",
    "experiment/tab.yaml": EXPERIMENT + "schedule:\n\tepochs: 3\n",
    "aggregation/brace.yaml": "power: {a: 1\n",
    "aggregation/built.yaml": "defaults: [no_such, _self_]\n",
    "experiment/wrong_key.yaml": EXPERIMENT + "no_such_key: 1\n",
}
"""Of the user's configuration folder."""


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
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
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
    expected = {key.replace("{folder}", os.environ[VARIABLE]): text for key, text in expected.items()}
    assert set(found) == set(expected)
    for key, text in expected.items():
        assert text in found[key], key


PLACES = (
    *("backbone", "stream", "frame_pooling", "guidance.frame", "guidance.sequence", "aggregation", "frame_head"),
    *("clip_head", "branch.b", "loss.identity", "loss.b", "sampler", "optimiser"),
)


@pytest.mark.parametrize(
    "target",
    [
        *("os.system", "subprocess.Popen", "builtins.eval", "builtins.print", "builtins.object", "builtins.dict"),
        *("numpy.ndarray", "pathlib.Path", "logging.FileHandler", f"{F}.build", f"{F}.NoCell"),
        "hydra.utils.instantiate",
    ],
)
def test_no_place_takes_what_is_no_part(target: str):
    """All places at once: each is a problem of its own."""
    overrides = [f"++{place}._target_={target}" for place in PLACES]
    further = f"+optimiser.further.b={{_target_:{target},learning_rate:1,parameters:clip,terms:[triplet]}}"
    found = problems_of(*overrides, "++loss.b.weight=1", further)
    assert set(found) == {f"{place}._target_" for place in (*PLACES, "optimiser.further.b")}
    assert all(target in text for text in found.values())


def test_nothing_that_a_configuration_names_is_called(tmp_path: Path):
    made = [tmp_path / str(number) for number in range(4)]
    found = problems_of(
        f"branch.b={{_target_:os.mkdir,path:'{made[0]}'}}",
        f"loss.b={{_target_:pathlib.Path.mkdir,self:'{made[1]}',weight:1}}",
        f"++branch.c={{_target_:{F}.Anything,option:{{_target_:os.mkdir,path:'{made[2]}'}}}}",
        f"++hydra.callbacks.x={{_target_:os.mkdir,path:'{made[3]}'}}",
    )
    assert len(found) == 4 and not any(folder.exists() for folder in made)


def test_a_network_that_has_passed_with_another_schedule_is_looked_at_again():
    further = (*PLAIN, *OWN_TERM, FURTHER + ",terms:[b]}")
    check_overrides(["dataset=synthetic", "backbone=tiny", *further])
    assert set(problems_of(*further, "schedule.accumulation_steps=2")) == {"schedule.accumulation_steps"}


@pytest.mark.parametrize(
    "overrides",
    [
        ("branch.b={_target_:mindspore.nn.Dense,in_channels:128,out_channels:3,reads:clip_features,gives:x}",),
        (f"branch.b={{_target_:{F}.NoisyInEvaluation}}",),
        (*OWN_TERM, FURTHER + ",terms:[b]}"),
        ("optimiser.factors.clip={pattern:'^clip_neck'}",),
        (f"loss.a={{_target_:{F}.Centres,weight:1,on:clip_logits}}",),
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
    assert list(found) == [f"{tmp_path}/aggregation/mine.yaml, line 1"]

"""Constraints between the keys of a configuration, and on the machine it is run on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from star.bounds import Relation
from star.config.cuda import gpu_problem
from star.config.schema import Config
from star.data import augmentation, cleaning
from star.errors import Problem


class Rule(NamedTuple):
    """A rule that no key can break alone; `key` is the one to change."""

    key: str
    holds: Callable[[Any], bool]
    expected: Callable[[Any], str]


_BRANCH = "skeleton_graph.bones=true or skeleton_graph.joints=true"
RULES = (
    Rule("skeleton_graph.frame_guidance",
         lambda c: not c.skeleton_graph.frame_guidance or c.skeleton_graph.bones,
         lambda c: "false, or skeleton_graph.bones=true, which it attends to"),
    Rule("skeleton_graph.sequence_guidance",
         lambda c: not c.skeleton_graph.sequence_guidance or c.skeleton_graph.used,
         lambda c: f"false, or {_BRANCH}"),
    Rule("skeleton_graph.pose_classifier",
         lambda c: not c.skeleton_graph.pose_classifier or c.skeleton_graph.used,
         lambda c: f"false, or {_BRANCH}"),
    Rule("loss", lambda c: bool(c.loss), lambda c: "at least one term"),
    Rule("style.gain",
         lambda c: c.style.gain is None or c.style.gain[0] <= c.style.gain[1],
         lambda c: "[smallest, largest]"),
    Rule("style.gain",
         lambda c: c.style.gain is not None or not c.style.augmentation,
         lambda c: "[smallest, largest], or style.augmentation=false"),
    Rule("dataset.generate",
         lambda c: c.dataset.kind == "synthetic" or c.dataset.generate is None,
         lambda c: "null: only dataset=synthetic generates its data"),
    Rule("dataset.root",
         lambda c: c.dataset.kind != "synthetic"
         or c.dataset.root is None
         or not _holds_data_set(_path(c.dataset.root)),
         lambda c: "a folder for generated sets, or dataset=hitsz_vcm or bupt_campus as well: it holds a data set"),
    Rule("dataset.root",
         lambda c: c.dataset.kind == "synthetic" or c.dataset.root is not None or c.dataset.pack is not None,
         lambda c: "the folder of the data set (dataset.root=FOLDER), or dataset=synthetic for generated data"),
    Rule("dataset.root",
         lambda c: c.dataset.kind == "synthetic"
         or c.dataset.root is None
         or c.dataset.pack is not None
         or _path(c.dataset.root).is_dir(),
         lambda c: "an existing folder"),
    Rule("dataset.pack",
         lambda c: c.dataset.pack is None or _path(c.dataset.pack).is_file(),
         lambda c: "an existing file; star-pack writes it (pack.out=FILE)"),
    Rule("dataset.skeletons",
         lambda c: c.dataset.skeletons is None or c.dataset.pack is None,
         lambda c: "null with dataset.pack: a pack holds the skeletons it was packed with; pack again with these"),
    Rule("dataset.protocol",
         lambda c: c.dataset.kind == "bupt_campus" or c.dataset.protocol == "full",
         lambda c: "full, or dataset=bupt_campus"),
    Rule("dataset.min_frames",
         lambda c: c.dataset.protocol != "official_drop64" or c.dataset.min_frames == 1,
         lambda c: "1: dataset.protocol=official_drop64 leaves no tracklet out for its length"),
    Rule("dataset.same_camera_filter",
         lambda c: c.dataset.kind == "bupt_campus" or c.dataset.same_camera_filter is not None,
         lambda c: "true or false; null is for dataset=bupt_campus"),
    Rule("dataset.auxiliary",
         lambda c: c.dataset.kind == "bupt_campus" or not c.dataset.auxiliary,
         lambda c: "false: only dataset=bupt_campus has an auxiliary set"),
    Rule("dataset.fake_infrared",
         lambda c: c.dataset.kind == "bupt_campus" or not c.dataset.fake_infrared,
         lambda c: "false: only dataset=bupt_campus has frames in FakeIR"),
    Rule("dataset.skeletons",
         lambda c: c.dataset.skeletons is None or _path(c.dataset.skeletons).exists(),
         lambda c: "an existing folder of skeleton files"),
    Rule("backbone.pretrained",
         lambda c: c.backbone["pretrained"] is None
         or str(c.backbone["pretrained"]).startswith("hf://")
         or _path(str(c.backbone["pretrained"])).is_file(),
         lambda c: "an existing file, or hf://owner/name"),
    Rule("schedule.floor",
         lambda c: c.schedule.floor < c.schedule.learning_rate,
         lambda c: f"less than schedule.learning_rate={c.schedule.learning_rate}"),
    Rule("schedule.warmup_epochs",
         lambda c: c.schedule.decay == "steps" or c.schedule.warmup_epochs < c.schedule.epochs,
         lambda c: f"less than schedule.epochs={c.schedule.epochs}, or nothing is left for the cosine"),
    Rule("reranking.k2",
         lambda c: c.reranking.k2 <= c.reranking.k1 + 1,
         lambda c: f"at most reranking.k1 + 1 = {c.reranking.k1 + 1}"),
    Rule("reranking.halves",
         lambda c: c.reranking.kind == "temporal" or c.reranking.halves == 0,
         lambda c: "0, or reranking=temporal"),
    Rule("hardware.processes",
         lambda c: c.schedule.identities % c.hardware.processes == 0,
         lambda c: f"a divisor of schedule.identities={c.schedule.identities}, which the processes share"),
    Rule("schedule.accumulation_steps",
         lambda c: c.schedule.accumulation_steps == 1
         or (_own_identities(c) % c.schedule.accumulation_steps == 0
             and _own_identities(c) // c.schedule.accumulation_steps >= 2),
         lambda c: f"a number that divides the {_own_identities(c)} identities of a batch into parts of two or more"),
    Rule("hardware.recompute",
         lambda c: not c.hardware.recompute or c.hardware.mode == "graph",
         lambda c: "false, or hardware.mode=graph"),
    Rule("hardware.recompute",
         lambda c: not c.hardware.recompute or c.hardware.processes == 1 or c.hardware.batch_norm == "local",
         lambda c: "false, or hardware.batch_norm=local: statistics of several processes cannot be computed again"),
    Rule("hardware.embedding",
         lambda c: c.hardware.embedding == "mindspore" or (c.hardware.target, c.hardware.precision) == ("CPU", "O0"),
         lambda c: "mindspore, or hardware.target=CPU and hardware.precision=O0"),
)  # fmt: skip


def _rule(group: str, relation: Relation) -> Rule:
    """A relation between the options of a group of conf/dataset, over the whole configuration."""

    def of(config: Config) -> tuple[Any, Any]:
        return getattr(config.dataset, group), config.dataset

    def expected(config: Config) -> str:
        options, dataset = of(config)
        return relation.expected.format(options=options, group=dataset)

    return Rule(f"dataset.{group}.{relation.key}", lambda config: relation.holds(*of(config)), expected)


PLACES = ("dataset.root", "dataset.pack", "dataset.skeletons")
"""Keys whose rules are about the files of a data set."""
RULES += tuple(_rule("augmentation", relation) for relation in augmentation.RELATIONS)
RULES += tuple(_rule("cleaning", relation) for relation in cleaning.RELATIONS)
HERE = (
    Rule("hardware.target",
         lambda c: c.hardware.target != "Ascend" or Path("/dev/davinci_manager").exists(),
         lambda c: "CPU: this machine has no Ascend driver (/dev/davinci_manager)"),
    Rule("hardware.target",
         lambda c: c.hardware.target != "GPU" or gpu_problem() is None,
         lambda c: f"CPU: {gpu_problem()}"),
    Rule("hardware.embedding",
         lambda c: c.hardware.embedding == "mindspore" or all(map(find_spec, ("onnx", "onnxruntime"))),
         lambda c: "mindspore, or the packages onnx and onnxruntime: pip install 'star-vvi-reid[export]'"),
)  # fmt: skip
"""Rules of the machine a run is on, which need not be that of the command."""


def broken_rules(config: Any, problems: list[Problem], rules: Sequence[Rule]) -> list[Problem]:
    """The rules `config` breaks.

    Passed over are rules about a group the configuration does not have or has as null, about a key with a problem of
    its own, and, if there are problems, those that cannot be asked: a wrong value is None here.
    """
    known = {problem.key for problem in problems}
    broken = []
    for rule in rules:
        group, dot, _ = rule.key.partition(".")
        if rule.key in known or not hasattr(config, group) or (dot and getattr(config, group) is None):
            continue
        try:
            if not rule.holds(config):
                given = _value(config, rule.key)
                broken.append(Problem(rule.key, "null" if given is None else str(given), rule.expected(config)))
        except (AttributeError, TypeError, KeyError):
            if not problems:
                raise
    return broken


def _value(config: Any, key: str) -> Any:
    for name in key.split("."):
        config = config[name] if isinstance(config, dict) else getattr(config, name)
    return config


def _own_identities(config: Config) -> int:
    """Those of a batch that one process has."""
    return config.schedule.identities // config.hardware.processes


def _holds_data_set(root: Path) -> bool:
    """Whether it looks like the folder of HITSZ-VCM or BUPTCampus; generated sets are written one level below."""
    return any((root / name).exists() for name in ("info", "Train", "Test", "data_paths.json"))


def _path(text: str) -> Path:
    return Path(text).expanduser()

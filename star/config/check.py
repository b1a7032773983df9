"""Every problem of a configuration at once, before any work is done."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from star.config.compose import compose_run
from star.config.conform import conform, describe, is_scalar
from star.config.environment import prepare_environment
from star.config.schema import Config
from star.data.synthetic.levels import find_problems
from star.errors import ConfigError, Problem

T = TypeVar("T")


def check_overrides(overrides: Sequence[str], *, here: bool = True) -> Config:
    """Compose and check one run's configuration.

    Args:
        overrides: as on the command line.
        here: False if the run will be on another machine.

    Raises:
        ConfigError: lists every problem with key, what was given and what was expected.
    """
    composed, problems = compose_run(overrides)
    return check_config(composed, problems, here=here)


def check_config(composed: DictConfig, problems: Sequence[Problem] = (), *, here: bool = True) -> Config:
    """Hold a composed configuration against the schema and against the rules between its keys.

    The classes of the loss terms are imported for it, and MindSpore with them; so the environment MindSpore reads is
    prepared first.

    Args:
        composed: as Hydra composed it.
        problems: those found already; they are raised together with the new ones.
        here: False if the run will be on another machine.

    Raises:
        ConfigError: lists every problem.
    """
    found = list(problems)
    values = _resolved(composed, found)
    if values:
        config = conform(values, Config, found)
        if config.hardware is not None:
            prepare_environment(config.hardware)
        _check_loss_terms(config, found)
        found.extend(_generator_problems(config))
        found.extend(_broken_rules(config, found, (*_RULES, *_HERE) if here else _RULES))
    if found:
        raise ConfigError(found)
    return config


def check_command(overrides: Sequence[str], config_name: str, schema: type[T], rules: Sequence[Rule] = ()) -> T:
    """Compose and check the configuration of a command that is not `star-train`. MindSpore is not imported.

    The rules of a training configuration hold here too, as far as the schema has the groups they speak of.

    Args:
        overrides: as on the command line.
        config_name: `conf/<config_name>.yaml`.
        schema: dataclass of the whole configuration.
        rules: further ones, over `schema`.

    Raises:
        ConfigError: lists every problem with key, what was given and what was expected.
    """
    composed, found = compose_run(overrides, config_name)
    values = _resolved(composed, found)
    if not values:
        raise ConfigError(found)
    config = conform(values, schema, found)
    found.extend(_generator_problems(config))
    found.extend(_broken_rules(config, found, (*_RULES, *_HERE, *rules)))
    if found:
        raise ConfigError(found)
    return config


def _generator_problems(config: Any) -> list[Problem]:
    dataset = getattr(config, "dataset", None)
    return [] if dataset is None or dataset.kind != "synthetic" else list(find_problems(dataset.generate or {}))


def _resolved(composed: DictConfig, problems: list[Problem]) -> dict[str, Any]:
    try:
        return OmegaConf.to_container(composed, resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        problems.append(Problem(str(error.full_key or "configuration"), str(error.msg), "a value that resolves"))
        return {}


_SWITCHES = {
    "disturbed_features": "style.attack",
    "disturbed_logits": "style.attack",
    "bone_features": "skeleton_graph.bones",
    "joint_features": "skeleton_graph.joints",
    "pose_logits": "skeleton_graph.pose_classifier",
}
"""Optional outputs of the network and the key that switches each on."""


def _check_loss_terms(config: Config, problems: list[Problem]) -> None:
    """Hold each term against the constructor of its class and against the outputs the network will give."""
    for name, node in (config.loss or {}).items():
        if not isinstance(node, dict):
            continue
        key = f"loss.{name}"
        options = {option: value for option, value in node.items() if option not in ("_target_", "weight")}
        if not is_scalar(node.get("weight"), float) or node["weight"] < 0:
            problems.append(Problem(f"{key}.weight", str(node.get("weight")), "a number (at least 0)"))
        term = _locate(node.get("_target_"))
        if term is None:
            given = str(node.get("_target_"))
            problems.append(Problem(f"{key}._target_", given, "an importable class, e.g. star.losses.Identity"))
            continue
        problems.extend(_wrong_options(key, term, options))
        for output in getattr(term, "requires", ()):
            group, _, switch = _SWITCHES.get(output, "").partition(".")
            if group and getattr(getattr(config, group), switch, None) is False:
                problems.append(Problem(key, "this loss term", f"{group}.{switch}=true, whose output it reads"))
                break


def _wrong_options(key: str, term: type, options: dict[str, Any]) -> list[Problem]:
    parameters, hints = inspect.signature(term).parameters, get_type_hints(term.__init__)
    problems = []
    for option, value in options.items():
        if option not in parameters:
            known = ", ".join(["weight", *parameters])
            problems.append(Problem(f"{key}.{option}", repr(value), f"no such key (known here: {known})"))
        elif option in hints and not is_scalar(value, hints[option]):
            problems.append(Problem(f"{key}.{option}", repr(value), describe(hints[option])))
    return problems


def _locate(target: Any) -> Any:
    if not isinstance(target, str) or "." not in target:
        return None
    module, _, name = target.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


class Rule(NamedTuple):
    """A rule that no key can break alone; `key` is the one to change."""

    key: str
    holds: Callable[[Any], bool]
    expected: Callable[[Any], str]


_BRANCH = "skeleton_graph.bones=true or skeleton_graph.joints=true"
_RULES = (
    Rule("skeleton_graph.frame_guidance",
         lambda c: not c.skeleton_graph.frame_guidance or c.skeleton_graph.bones,
         lambda c: "false, or skeleton_graph.bones=true, which it attends to"),
    Rule("skeleton_graph.sequence_guidance",
         lambda c: not c.skeleton_graph.sequence_guidance or c.skeleton_graph.used,
         lambda c: f"false, or {_BRANCH}"),
    Rule("skeleton_graph.pose_classifier",
         lambda c: not c.skeleton_graph.pose_classifier or c.skeleton_graph.used,
         lambda c: f"false, or {_BRANCH}"),
    Rule("skeleton_graph.attention_heads",
         lambda c: not c.skeleton_graph.frame_guidance
         or c.backbone.out_channels % c.skeleton_graph.attention_heads == 0,
         lambda c: f"a divisor of the backbone's {c.backbone.out_channels} channels"),
    Rule("pooling.kind",
         lambda c: c.pooling.kind == "gem" or not c.skeleton_graph.sequence_guidance,
         lambda c: "gem: skeleton_graph.sequence_guidance=true mixes pooling.guided_powers instead"),
    Rule("loss", lambda c: bool(c.loss), lambda c: "at least one term"),
    Rule("style.gain", lambda c: c.style.gain[0] <= c.style.gain[1], lambda c: "[smallest, largest]"),
    Rule("dataset.augmentation.erase_area",
         lambda c: c.dataset.augmentation.erase_area[0] <= c.dataset.augmentation.erase_area[1],
         lambda c: "[smallest, largest]"),
    Rule("dataset.augmentation.erase_aspect",
         lambda c: c.dataset.augmentation.erase_aspect[0] <= c.dataset.augmentation.erase_aspect[1],
         lambda c: "[smallest, largest]"),
    Rule("dataset.augmentation.pad",
         lambda c: c.dataset.augmentation.pad < min(c.dataset.height, c.dataset.width),
         lambda c: f"less than the frame, dataset.height={c.dataset.height} and dataset.width={c.dataset.width}"),
    Rule("dataset.augmentation.channel_exchange",
         lambda c: c.dataset.augmentation.channel_exchange == 0 or c.dataset.augmentation.weighted_greyscale < 1,
         lambda c: "0, or dataset.augmentation.weighted_greyscale below 1, which leaves clips with channels"),
    Rule("dataset.augmentation.colour_jitter",
         lambda c: c.dataset.augmentation.colour_jitter == 0
         or max(_changes(c), c.dataset.augmentation.saturation) > 0,
         lambda c: "0, or one of dataset.augmentation.{brightness,contrast,saturation} above 0"),
    Rule("dataset.augmentation.infrared_jitter",
         lambda c: c.dataset.augmentation.infrared_jitter == 0 or _changes(c) > 0,
         lambda c: "0, or one of dataset.augmentation.{brightness,contrast} above 0"),
    Rule("dataset.cleaning.window",
         lambda c: c.dataset.cleaning.window % 2 == 1,
         lambda c: "an odd number of frames"),
    Rule("dataset.cleaning.order",
         lambda c: c.dataset.cleaning.order < c.dataset.cleaning.window,
         lambda c: f"less than dataset.cleaning.window={c.dataset.cleaning.window}"),
    Rule("dataset.generate",
         lambda c: c.dataset.kind == "synthetic" or c.dataset.generate is None,
         lambda c: "null: only dataset=synthetic generates its data"),
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
         lambda c: c.backbone.pretrained is None
         or c.backbone.pretrained.startswith("hf://")
         or _path(c.backbone.pretrained).is_file(),
         lambda c: "an existing file, or hf://owner/name"),
    Rule("schedule.momentum",
         lambda c: not c.schedule.nesterov or c.schedule.momentum > 0,
         lambda c: "above 0 with schedule.nesterov=true"),
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
    Rule("hardware.target",
         lambda c: c.hardware.target != "GPU",
         lambda c: "CPU or Ascend: current MindSpore has no GPU build"),
)  # fmt: skip
_HERE = (
    Rule("hardware.target",
         lambda c: c.hardware.target != "Ascend" or Path("/dev/davinci_manager").exists(),
         lambda c: "CPU: this machine has no Ascend driver (/dev/davinci_manager)"),
)  # fmt: skip
"""Rules of the machine a run is on, which need not be that of the command."""


def _broken_rules(config: Any, problems: list[Problem], rules: Sequence[Rule]) -> list[Problem]:
    """The rules `config` breaks; one over a value that is itself wrong (None here) or not there is passed over."""
    known = {problem.key for problem in problems}
    broken = []
    for rule in rules:
        try:
            if rule.key not in known and not rule.holds(config):
                given = attrgetter(rule.key)(config)
                broken.append(Problem(rule.key, "null" if given is None else str(given), rule.expected(config)))
        except (AttributeError, TypeError):
            continue
    return broken


def _changes(config: Config) -> float:
    """The largest change a jitter makes to a frame without colours."""
    return max(config.dataset.augmentation.brightness, config.dataset.augmentation.contrast)


def _own_identities(config: Config) -> int:
    """Those of a batch that one process has."""
    return config.schedule.identities // config.hardware.processes


def _path(text: str) -> Path:
    return Path(text).expanduser()

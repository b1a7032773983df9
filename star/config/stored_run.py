"""Finding a run's folder again, and the configuration it was started with.

A run folder holds `run.json` (run id, the overrides and the configuration folders it was started with), `config.yaml`
(resolved, with its version),
`fingerprint.json`, `train.log`, `events.jsonl` (what was tracked), `checkpoints/`, `scores.json`, pictures, and Hydra's
`.hydra/`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from star.config.compose import compose_run, group_choices
from star.config.folders import use_config_folders
from star.config.migrations import migrate, migrate_overrides, overrides_for_old_defaults
from star.config.paths import outputs_folder
from star.config.typed import value_of
from star.config.validate import did_you_mean
from star.errors import ConfigError, Problem

logger = logging.getLogger(__name__)

RUN_FILE = "run.json"
_OF_TRAINING = frozenset({"loss", "sampler", "optimiser", "schedule", "seed", "study", "rerun", "checkpoint_every"})
_OF_RANKING = frozenset({"schedule.evaluation_batch"})
_HYDRA_OVERRIDES = Path(".hydra", "overrides.yaml")


def run_folder(run: str, key: str = "run") -> Path:
    """The folder of a run.

    Args:
        run: the folder itself, or the run's id in the tracking store, or its first eight or more characters.
        key: by which it was given, for messages.

    Raises:
        ConfigError: there is no such run, or several.
    """
    path = Path(run).expanduser()
    if (path / RUN_FILE).is_file() or (path / _HYDRA_OVERRIDES).is_file():
        return path.resolve()
    outputs = outputs_folder()
    records = [*outputs.glob(f"runs/*/{RUN_FILE}"), *outputs.glob(f"multirun/*/*/{RUN_FILE}")]
    if len(run) >= 8:
        found = [r.parent for r in records if str(read_record(r.parent).get("run_id", "")).startswith(run)]
        if len(found) == 1:
            return found[0]
        if found:
            several = f"one of the {len(found)} folders of this run, which are copies: {', '.join(map(str, found))}"
            raise ConfigError([Problem(key, run, several)])
    expected = (
        f"a run folder (with {RUN_FILE}) or the id of one of the {len(records)} runs under {outputs}; its first eight "
        "characters are enough"
    )
    raise ConfigError([Problem(key, run, expected)])


def read_record(folder: Path) -> dict[str, Any]:
    """What `run.json` says; nothing where there is none, or, with a warning that names it, where it is not complete."""
    path = folder / RUN_FILE
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("%s is passed over: empty or half-written, or it cannot be read (%s)", path, error)
        return {}
    if not isinstance(record, dict):
        logger.warning("%s is passed over: expected an object with run_id, given %.40r", path, record)
        return {}
    return record


def stored_overrides(run: str) -> tuple[Path, list[str]]:
    """A run's folder and the overrides it was started with, after those that name defaults which have changed since.

    They are in `run.json`; Hydra's own file, of the first start, serves for runs that were stopped before they had one,
    for older ones, and where `run.json` is damaged.

    Raises:
        ConfigError: there is no such run, or it was stopped before anything was written.
    """
    folder = run_folder(run, "resume")
    use_recorded_folders(folder)
    record = read_record(folder)
    found = record.get("overrides") or OmegaConf.load(folder / _HYDRA_OVERRIDES)
    if not isinstance(found, (list, ListConfig)):
        raise ConfigError([Problem("resume", run, "a run that began; this one was stopped before, start it again")])
    overrides = [text for text in map(str, found) if not text.startswith("resume=")]
    overrides = overrides if record.get("version", 1) > 1 else migrate_overrides(overrides)
    return folder, [*overrides_for_old_defaults(_stored_values(folder)), *overrides]


def _stored_values(folder: Path) -> dict[str, Any]:
    """The configuration in a run's folder as it is stored; empty where it is missing or cannot be read."""
    try:
        values = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    except (YAMLError, OmegaConfBaseException, UnicodeDecodeError, OSError):
        return {}
    return values if isinstance(values, dict) else {}  # type: ignore[return-value]


def stored_config(folder: Path, overrides: Sequence[str] = ()) -> DictConfig:
    """The resolved configuration of a run in the keys of today, with `KEY=VALUE` overrides on top.

    Args:
        folder: of the run.
        overrides: of existing keys; for a group also the name of one of its choices, as it is today.

    Raises:
        ConfigError: the folder has no configuration, one of a later version, or an override names no key or one that
            only training reads.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise ConfigError([Problem("run", str(folder), "a run folder with config.yaml")])
    try:
        stored: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (YAMLError, OmegaConfBaseException, UnicodeDecodeError, OSError) as error:
        raise ConfigError([Problem("run", str(path), f"a configuration that can be read ({error})")]) from error
    if not isinstance(stored, dict) or not stored:
        raise ConfigError([Problem("run", str(path), "a configuration, keys with values; this file is none, or empty")])
    try:
        config = OmegaConf.create(migrate(stored))
    except (KeyError, TypeError, AttributeError) as error:
        expected = f"a whole configuration; this one was cut or changed ({type(error).__name__}: {error})"
        raise ConfigError([Problem("run", str(path), expected)]) from error
    problems = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or OmegaConf.select(config, key, default="absent") == "absent":
            problems.append(Problem(key, text, f"KEY=VALUE with a key of {path}"))
        elif key.partition(".")[0] in _OF_TRAINING and key not in _OF_RANKING:
            problems.append(Problem(key, value, "nothing: it has no effect on a run that is trained already"))
        elif (chosen := _chosen(key, value)) is not None:
            OmegaConf.update(config, key, chosen, merge=False)
        elif OmegaConf.is_dict(OmegaConf.select(config, key)) and key in group_choices():
            choices = group_choices()[key]
            problems.append(Problem(key, repr(value), f"one of {', '.join(choices)}{did_you_mean(value, choices)}"))
        else:
            OmegaConf.update(config, key, value_of(text))
    if config.reranking.kind == "none":
        asked = [text.partition("=") for text in overrides if text.startswith("reranking.")]
        beside = "reranking=k_reciprocal or temporal beside it"
        problems += [Problem(key, value, beside) for key, _, value in asked if key != "reranking.kind"]
    if problems:
        raise ConfigError(problems)
    use_recorded_folders(folder)
    return config


def _chosen(group: str, choice: str) -> Any:
    """The values of a group's choice; None if `choice` is none."""
    if choice not in group_choices().get(group, ()):
        return None
    composed, problems = compose_run([f"{group}={choice}"])
    if problems:
        raise ConfigError(problems)
    return OmegaConf.to_container(composed[group], resolve=True)


def use_recorded_folders(folder: Path) -> None:
    """Use the configuration folders a run was started with, as far as they are still there."""
    recorded = read_record(folder).get("config_folders", [])
    use_config_folders([text for text in recorded if text.startswith("pkg://") or Path(text).is_dir()], "run")

"""Finding a run's folder again, and the configuration it was started with.

A run folder holds `run.json` (run id, the overrides it was started with), `config.yaml` (resolved),
`fingerprint.json`, `train.log`, `events.jsonl` (what was tracked), `checkpoints/`, `scores.json`, pictures, and Hydra's
`.hydra/`.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from star.config.compose import compose_run
from star.config.paths import outputs_folder
from star.config.schema import Config
from star.errors import ConfigError, Problem

logger = logging.getLogger(__name__)

RUN_FILE = "run.json"
_HYDRA_OVERRIDES = Path(".hydra", "overrides.yaml")


def run_folder(run: str) -> Path:
    """The folder of a run.

    Args:
        run: the folder itself, or the run's id in the tracking store, or its first eight or more characters.

    Raises:
        ConfigError: there is no such run, or several.
    """
    path = Path(run).expanduser()
    if (path / RUN_FILE).is_file() or (path / _HYDRA_OVERRIDES).is_file():
        return path.resolve()
    outputs = outputs_folder()
    records = [*outputs.glob(f"runs/*/{RUN_FILE}"), *outputs.glob(f"multirun/*/*/{RUN_FILE}")]
    if len(run) >= 8:
        found = [r.parent for r in records if str(json.loads(r.read_text())["run_id"]).startswith(run)]
        if len(found) == 1:
            return found[0]
    expected = f"a run folder (with {RUN_FILE}) or the id of one of the {len(records)} runs under {outputs}"
    raise ConfigError([Problem("run", run, expected)])


def stored_overrides(run: str) -> tuple[Path, list[str]]:
    """A run's folder and the overrides it was started with.

    They are in `run.json`; Hydra's own file, which it writes anew at every start, serves for runs that were stopped
    before they had one, and for older ones.

    Raises:
        ConfigError: there is no such run, or it was stopped before anything was written.
    """
    folder = run_folder(run)
    record = json.loads((folder / RUN_FILE).read_text()) if (folder / RUN_FILE).is_file() else {}
    found = record.get("overrides") or OmegaConf.load(folder / _HYDRA_OVERRIDES)
    if not isinstance(found, (list, ListConfig)):
        raise ConfigError([Problem("run", run, "a run that began; this one was stopped before, start it again")])
    return folder, [text for text in map(str, found) if not text.startswith("resume=")]


def stored_config(folder: Path, overrides: Sequence[str] = ()) -> DictConfig:
    """The resolved configuration of a run, with `KEY=VALUE` overrides on top.

    Keys that did not exist when the run was made have the values that the run's own command line gives them today;
    what the run stored is never replaced, and nothing is added to loss terms or generated data.

    Raises:
        ConfigError: the folder has no configuration, or an override names no key.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise ConfigError([Problem("run", str(folder), "a run folder with config.yaml")])
    config: DictConfig = OmegaConf.load(path)  # type: ignore[assignment]
    _complete(config, folder)
    problems = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or OmegaConf.select(config, key, default="absent") == "absent":
            problems.append(Problem(key, text, f"KEY=VALUE with a key of {path}"))
        else:
            OmegaConf.update(config, key, OmegaConf.from_dotlist([f"v={value}"]).v)
    if problems:
        raise ConfigError(problems)
    return config


def _complete(config: DictConfig, folder: Path) -> None:
    """Add the keys of the schema that an older run's configuration lacks."""
    lacking = _lacking(OmegaConf.to_container(config), Config)
    if not lacking:
        return
    today, _ = compose_run(_own_overrides(folder))
    added = {key: OmegaConf.select(today, key, default="absent") for key in lacking} if today else {}
    for key, value in added.items():
        if value != "absent":
            OmegaConf.update(config, key, value, force_add=True)
    values = ", ".join(f"{key}={value}" for key, value in added.items())
    logger.info("%s is older than these keys, which have the values of today: %s", folder, values)


def _own_overrides(folder: Path) -> list[str]:
    """The overrides of the run, as far as they still compose."""
    try:
        _, overrides = stored_overrides(str(folder))
    except (ConfigError, OSError):
        return []
    overrides = [text for text in overrides if not text.startswith("hydra.")]
    _, problems = compose_run(overrides)
    return [] if problems else overrides


def _lacking(values: Any, schema: type, prefix: str = "") -> list[str]:
    """Dotted keys of a dataclass that nested dictionaries do not have."""
    if not isinstance(values, dict):
        return []
    hints, found = typing.get_type_hints(schema), []
    for field in dataclasses.fields(schema):
        if field.name not in values:
            found.append(f"{prefix}{field.name}")
        elif dataclasses.is_dataclass(kind := hints[field.name]):
            found += _lacking(values[field.name], kind, f"{prefix}{field.name}.")  # type: ignore[arg-type]
    return found

"""Finding a run's folder again, and the configuration it was started with.

A run folder holds `run.json` (run id and tracking store), `config.yaml` (resolved), `fingerprint.json`, `train.log`,
`events.jsonl` (what was tracked), `checkpoints/`, `scores.json`, pictures, and Hydra's `.hydra/`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from star.config.paths import outputs_folder
from star.errors import ConfigError, Problem


def run_folder(run: str) -> Path:
    """The folder of a run.

    Args:
        run: the folder itself, or the run's id in the tracking store, or its first eight or more characters.

    Raises:
        ConfigError: there is no such run, or several.
    """
    path = Path(run).expanduser()
    if (path / "run.json").is_file():
        return path.resolve()
    outputs = outputs_folder()
    records = [*outputs.glob("runs/*/run.json"), *outputs.glob("multirun/*/*/run.json")]
    if len(run) >= 8:
        found = [r.parent for r in records if str(json.loads(r.read_text())["run_id"]).startswith(run)]
        if len(found) == 1:
            return found[0]
    expected = f"a run folder (with run.json) or the id of one of the {len(records)} runs under {outputs}"
    raise ConfigError([Problem("run", run, expected)])


def stored_overrides(run: str) -> tuple[Path, list[str]]:
    """A run's folder and the overrides it was started with."""
    folder = run_folder(run)
    overrides = [str(text) for text in OmegaConf.load(folder / ".hydra" / "overrides.yaml")]
    return folder, [text for text in overrides if not text.startswith("resume=")]


def stored_config(folder: Path, overrides: Sequence[str] = ()) -> DictConfig:
    """The resolved configuration of a run, with `KEY=VALUE` overrides on top.

    Raises:
        ConfigError: the folder has no configuration, or an override names no key.
    """
    path = folder / "config.yaml"
    if not path.is_file():
        raise ConfigError([Problem("run", str(folder), "a run folder with config.yaml")])
    config = OmegaConf.load(path)
    problems = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or OmegaConf.select(config, key, default="absent") == "absent":
            problems.append(Problem(key, text, f"KEY=VALUE with a key of {path}"))
        else:
            OmegaConf.update(config, key, OmegaConf.from_dotlist([f"v={value}"]).v)
    if problems:
        raise ConfigError(problems)
    return config  # type: ignore[return-value]

"""The data set of a run that has ended, for looking at it again. No MindSpore here."""

from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

from star.config.slots import read_config
from star.config.stored_run import stored_config
from star.engine.build_data import load_data
from star.errors import ConfigError, DataError, Problem
from star.synthetic.levels import fingerprint, parse_levels
from star.types import VideoReIDData


def stored_data(folder: Path) -> VideoReIDData:
    """Open the data set that a run was ranked on; nothing is generated.

    Args:
        folder: of the run.

    Raises:
        ConfigError: the folder has no configuration, or one this version does not read.
        DataError: the data set is not on this machine.
    """
    problems: list[Problem] = []
    values = OmegaConf.to_container(stored_config(folder))
    config = read_config(values, problems)  # type: ignore[arg-type]
    if problems:
        raise ConfigError(problems)
    if config.dataset.kind == "synthetic":
        levels, seed = parse_levels(config.dataset.generate or {})
        root = Path(str(config.dataset.root)).expanduser() / fingerprint(levels, seed)[:16]
        if not root.is_dir():
            raise DataError(f"the generated data set {root} is not on disk: deleted, or made by another version")
    return load_data(config)

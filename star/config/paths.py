"""The folder that runs are kept in: `outputs/` of the checkout the command is called in, else of the current folder."""

import os
from pathlib import Path

from omegaconf import OmegaConf


def outputs_folder() -> Path:
    """Absolute folder of runs, reports, generated data and the tracking database.

    `$STAR_OUTPUTS` if set; else `outputs/` of the project (the nearest folder upwards with both `conf/` and `star/`);
    else `outputs/` of the current folder.
    """
    if chosen := os.environ.get("STAR_OUTPUTS"):
        return Path(chosen).expanduser().resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "conf" / "train.yaml").is_file() and (folder / "star").is_dir():
            return folder / "outputs"
    return here / "outputs"


def register_resolvers() -> None:
    """Make `${star_outputs:}` known to OmegaConf."""
    OmegaConf.register_new_resolver("star_outputs", lambda: str(outputs_folder()), replace=True)

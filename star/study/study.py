"""A study: which runs make a table. One `study.yaml` in a folder of its own; docs/studies.md explains its keys.

title: What the table is about
text: One paragraph above it.                       # optional
common: [dataset=synthetic, backbone=tiny]          # overrides all rows share
config_dir: conf                                    # configuration folder beside the file, optional
fill_in: [dataset.root=ROOT]                        # overrides only the user knows; shown in commands, optional
seeds: [0, 1]
published:                                          # optional, cited figures of others
  - {label: STAR, source: where it is printed, values: {i2v/mAP: 56.01}, about: {T: 12, backbone: ResNet-50}}
sizes:                                              # optional; keys of a size replace those above; the first is usual
  paper: {common: [size=paper], fill_in: [dataset.root=ROOT], seeds: [0, 1, 2]}
  cpu: {common: [size=cpu], seeds: [0, 1, 2]}
baseline: baseline                                  # row the others are compared with
rows:
  - {name: baseline, label: Baseline, experiment: baseline}
  - {name: star, label: STAR, experiment: star, overrides: [aggregation.power=2.0]}   # optional
  - {name: star_t6, label: STAR, experiment: star, overrides: [dataset.frames=6], sizes: [paper]}
columns: [i2v/R1, i2v/mAP, v2i/R1, v2i/mAP]
varies: [clip]                                      # optional, what rows differ in: protocol, clip, data, recipe
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from star.config.folders import folder_options
from star.errors import ReportError
from star.types import DIRECTIONS, RERANKINGS, SCORE_NAMES

STUDY_FILE = "study.yaml"
PLAIN_COLUMNS = tuple(f"{direction}/{score}" for direction in DIRECTIONS for score in SCORE_NAMES)
COLUMNS = (*PLAIN_COLUMNS, *(f"{column}_{kind}" for kind in RERANKINGS for column in PLAIN_COLUMNS))
"""Scores of the plain ranking, and the same after re-ranking."""
VARIES = ("protocol", "clip", "data", "recipe")


@dataclass(frozen=True)
class Row:
    """One line of the table: an experiment, with overrides of its own where it has them."""

    name: str
    label: str
    experiment: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """Figures of others, in percent by column, with the place they are printed.

    Attributes:
        about: how they were measured, by fact, e.g. `{"T": "6", "backbone": "ResNet-50"}`.
    """

    label: str
    source: str
    values: Mapping[str, float]
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A checked study.yaml in one size.

    Attributes:
        name: the folder's name, with sizes `<folder>/<size>`: the tag `study` of its runs.
        folder: of study.yaml.
        title, text: for the reader of the table.
        common: overrides all rows share.
        fill_in: overrides whose value only the user knows.
        seeds: of every row.
        baseline: name of the row the others are compared with.
        rows: those of this size, in the order of the table.
        columns: scores, as `<direction>/<score>`.
        published: figures of others.
        size: the chosen one; None in a study without sizes.
        sizes: all of the file, the first is the usual one.
        varies: in which of `VARIES` the rows differ on purpose.
    """

    name: str
    folder: Path
    title: str
    text: str
    common: tuple[str, ...]
    fill_in: tuple[str, ...]
    seeds: tuple[int, ...]
    baseline: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    published: tuple[Published, ...]
    size: str | None = None
    sizes: tuple[str, ...] = ()
    varies: tuple[str, ...] = ()

    @property
    def arguments(self) -> str:
        """What a command needs to find this study again, e.g. `experiments/ablation --size cpu`."""
        usual = self.size is None or self.size == self.sizes[0]
        return str(self.folder) if usual else f"{self.folder} --size {self.size}"


def load_study(folder: Path, size: str | None = None) -> Study:
    """Read and check a study.

    Args:
        folder: of study.yaml.
        size: one of its sizes; None is the first, or the only one of a study without sizes.

    Raises:
        ReportError: no such file, no YAML, no such size, or wrong entries; lists all of them.
    """
    path = Path(folder) / STUDY_FILE
    if not path.is_file():
        raise ReportError(f"{path} does not exist: expected the folder of a study, e.g. experiments/quickstart")
    from star.study.study_file import StudyReader

    return StudyReader(path).study(size)


def multirun_command(study: Study) -> str:
    """The commands that train every row with every seed, as few as will do."""
    command = ["star-train", *folder_options(), "-m"]
    return "\n".join(shlex.join([*command, *arguments]) for arguments in multirun_arguments(study))


def multirun_arguments(
    study: Study, wanted: Iterable[tuple[Row, int]] | None = None, fill_in: Sequence[str] | None = None
) -> list[list[str]]:
    """The overrides of Hydra multiruns that train rows with seeds: a multirun is a product, so it takes several.

    Rows with the same seeds that differ in the value of one key only share a multirun.

    Args:
        study: the study.
        wanted: rows and seeds; None is all of them.
        fill_in: instead of the study's, which has names where values belong.
    """
    seeds: dict[Row, list[int]] = {}
    for row, seed in wanted if wanted is not None else [(row, seed) for row in study.rows for seed in study.seeds]:
        seeds.setdefault(row, []).append(seed)
    sweeps: list[dict[str, list[str]]] = []
    for row, values in seeds.items():
        keys = {"experiment": [row.experiment], "seed": [",".join(map(str, values))]}
        keys |= {key: [value] for key, _, value in (override.partition("=") for override in row.overrides)}
        if not any(_merged(sweep, keys) for sweep in sweeps):
            sweeps.append(keys)
    shared = [f"study={study.name}", *study.common]
    filled = list(study.fill_in if fill_in is None else fill_in)
    commands = []
    for sweep in sweeps:
        overrides = [f"{key}={','.join(values)}" for key, values in sweep.items()]
        commands.append([*overrides[:2], *shared, *overrides[2:], *filled])
    return commands


def _merged(sweep: dict[str, list[str]], keys: dict[str, list[str]]) -> bool:
    """Add a row to a sweep if the two differ in one key, which is the only one the sweep varies."""
    if sweep.keys() != keys.keys():
        return False
    different = [key for key in sweep if sweep[key] != keys[key]]
    if len(different) != 1 or different[0] == "seed":
        return False
    sweep[different[0]] += keys[different[0]]
    return True

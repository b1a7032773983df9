"""A study: which runs make a table. One `study.yaml` in a folder of its own; the folder's name is the study's name.

title: What the table is about
text: One paragraph above it.                       # optional
common: [dataset=synthetic, backbone=tiny]          # overrides all rows share
fill_in: [dataset.root=ROOT]                        # overrides only the user knows; shown in commands, optional
seeds: [0, 1]
baseline: baseline                                  # row the others are compared with
rows:
  - {name: baseline, label: Baseline, experiment: baseline}
  - {name: star, label: STAR, experiment: star, overrides: [pooling.power=2.0]}   # overrides are optional
columns: [i2v/R1, i2v/mAP, v2i/R1, v2i/mAP]
published:                                          # optional, cited figures of others
  - {label: STAR, source: where it is printed, values: {i2v/mAP: 56.01}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from star.errors import ReportError
from star.types import DIRECTIONS

STUDY_FILE = "study.yaml"
SCORE_NAMES = ("R1", "R5", "R10", "R20", "mAP", "mINP")
COLUMNS = tuple(f"{direction}/{score}" for direction in DIRECTIONS for score in SCORE_NAMES)


@dataclass(frozen=True)
class Row:
    """One line of the table: an experiment, with overrides of its own where it has them."""

    name: str
    label: str
    experiment: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """Figures of others, in percent by column, with the place they are printed."""

    label: str
    source: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Study:
    """A checked study.yaml; `name` is its folder's name and the tag `study` of its runs."""

    name: str
    title: str
    text: str
    common: tuple[str, ...]
    fill_in: tuple[str, ...]
    seeds: tuple[int, ...]
    baseline: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    published: tuple[Published, ...]


def load_study(folder: Path) -> Study:
    """Read and check a study.

    Args:
        folder: of study.yaml.

    Raises:
        ReportError: no such file, no YAML, or wrong entries; lists all of them.
    """
    path = Path(folder) / STUDY_FILE
    if not path.is_file():
        raise ReportError(f"{path} does not exist: expected the folder of a study, e.g. experiments/quickstart")
    return _Reader(path, _read(path)).study()


def multirun_command(study: Study) -> str:
    """The commands that train every row with every seed, one line for all rows without overrides of their own."""
    experiments: dict[tuple[str, ...], list[str]] = {}
    for row in study.rows:
        names = experiments.setdefault(row.overrides, [])
        if row.experiment not in names:
            names.append(row.experiment)
    seeds = ",".join(map(str, study.seeds))
    return "\n".join(
        " ".join(
            [
                f"star-train -m experiment={','.join(names)} seed={seeds} study={study.name}",
                *study.common,
                *overrides,
                *study.fill_in,
            ]
        )
        for overrides, names in experiments.items()
    )


def _read(path: Path) -> Any:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        return OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, UnicodeDecodeError, YAMLError, OmegaConfBaseException) as error:
        raise ReportError(f"{path} cannot be read as YAML: {error}") from error


class _Reader:
    """Takes study.yaml apart and remembers every problem."""

    def __init__(self, path: Path, content: Any):
        self.path = path
        self.problems: list[str] = []
        self.content = self._mapping(content, "the file", ("title", "rows", "seeds", "columns", "baseline"), _OPTIONAL)

    def study(self) -> Study:
        rows = tuple(self._row(entry, place) for place, entry in enumerate(self._list("rows")))
        columns = tuple(map(str, self._list("columns")))
        for column in columns:
            self._expect(column in COLUMNS, "columns", column, f"one of {', '.join(COLUMNS)}")
        seeds = self._list("seeds")
        for seed in seeds:
            whole = isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0
            self._expect(whole, "seeds", seed, "whole numbers from 0")
        names = [row.name for row in rows]
        self._expect(len(set(names)) == len(names), "rows", ", ".join(names), "a different name for each row")
        runs = [(row.experiment, frozenset(row.overrides)) for row in rows]
        self._expect(len(set(runs)) == len(runs), "rows", ", ".join(names), "different experiments or overrides")
        baseline = str(self.content.get("baseline"))
        self._expect(baseline in names, "baseline", baseline, f"the name of a row: {', '.join(names)}")
        study = Study(
            name=self.path.parent.resolve().name,
            title=str(self.content.get("title")),
            text=str(self.content.get("text", "")).strip(),
            common=tuple(map(str, self._list("common"))),
            fill_in=tuple(map(str, self._list("fill_in"))),
            seeds=tuple(seeds),
            baseline=baseline,
            rows=rows,
            columns=columns,
            published=tuple(self._published(entry, place) for place, entry in enumerate(self._list("published"))),
        )
        if self.problems:
            count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
            raise ReportError("\n".join([f"{self.path} has {count}:", *(f"  {line}" for line in self.problems)]))
        return study

    def _row(self, entry: Any, place: int) -> Row:
        where = f"rows[{place}]"
        values = self._mapping(entry, where, ("name", "label", "experiment"), ("overrides",))
        overrides = values.get("overrides", [])
        self._expect(isinstance(overrides, list), f"{where}.overrides", overrides, "a list of key=value")
        overrides = tuple(map(str, overrides)) if isinstance(overrides, list) else ()
        for override in overrides:
            self._expect("=" in override, f"{where}.overrides", override, "key=value")
        return Row(str(values.get("name")), str(values.get("label")), str(values.get("experiment")), overrides)

    def _published(self, entry: Any, place: int) -> Published:
        where = f"published[{place}]"
        values = self._mapping(entry, where, ("label", "source", "values"), ())
        figures = values.get("values", {})
        self._expect(isinstance(figures, dict) and figures, f"{where}.values", figures, "percentages by column")
        figures = figures if isinstance(figures, dict) else {}
        for column, figure in figures.items():
            self._expect(column in COLUMNS, f"{where}.values", column, f"one of {', '.join(COLUMNS)}")
            number = isinstance(figure, int | float) and not isinstance(figure, bool) and 0 <= figure <= 100
            self._expect(number, f"{where}.values.{column}", figure, "a percentage")
        return Published(str(values.get("label")), str(values.get("source")), figures)

    def _mapping(self, value: Any, where: str, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._expect(False, where, value, f"the keys {', '.join(required)}")
            return {}
        for key in required:
            self._expect(value.get(key) not in (None, "", []), f"{where}: {key}", value.get(key, "nothing"), "a value")
        for key in value.keys() - {*required, *optional}:
            self._expect(False, where, f"key {key}", f"only {', '.join((*required, *optional))}")
        return value

    def _list(self, key: str) -> list[Any]:
        value = self.content.get(key, [])
        self._expect(isinstance(value, list), key, value, "a list")
        return value if isinstance(value, list) else []

    def _expect(self, holds: object, key: str, given: object, expected: str) -> None:
        if not holds:
            self.problems.append(f"{key}: given {given}, expected {expected}")


_OPTIONAL = ("text", "common", "fill_in", "published")

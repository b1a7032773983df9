"""A study: which runs make a table. One `study.yaml` in a folder of its own; docs/studies.md explains its keys.

title: What the table is about
text: One paragraph above it.                       # optional
common: [dataset=synthetic, backbone=tiny]          # overrides all rows share
fill_in: [dataset.root=ROOT]                        # overrides only the user knows; shown in commands, optional
seeds: [0, 1]
published:                                          # optional, cited figures of others
  - {label: STAR, source: where it is printed, values: {i2v/mAP: 56.01}}
sizes:                                              # optional; keys of a size replace those above; the first is usual
  paper: {common: [size=paper], fill_in: [dataset.root=ROOT], seeds: [0, 1, 2]}
  cpu: {common: [size=cpu], seeds: [0, 1, 2]}
baseline: baseline                                  # row the others are compared with
rows:
  - {name: baseline, label: Baseline, experiment: baseline}
  - {name: star, label: STAR, experiment: star, overrides: [pooling.power=2.0]}   # overrides are optional
  - {name: star_t6, label: STAR, experiment: star, overrides: [dataset.frames=6], sizes: [paper]}
columns: [i2v/R1, i2v/mAP, v2i/R1, v2i/mAP]
varies: [clip]                                      # optional, what rows differ in on purpose: protocol, clip, data
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from star.errors import ReportError
from star.types import DIRECTIONS

STUDY_FILE = "study.yaml"
SCORE_NAMES = ("R1", "R5", "R10", "R20", "mAP", "mINP")
COLUMNS = tuple(f"{direction}/{score}" for direction in DIRECTIONS for score in SCORE_NAMES)
VARIES = ("protocol", "clip", "data")

_OF_A_SIZE = ("title", "text", "common", "fill_in", "seeds", "published")
_REQUIRED = ("title", "rows", "seeds", "columns", "baseline")
_OPTIONAL = ("text", "common", "fill_in", "published", "varies", "sizes")
_LARGEST_SEED = 2**31 - 1


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
    return _Reader(path, _read(path)).study(size)


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
    """Takes study.yaml apart and remembers every problem, of all sizes."""

    def __init__(self, path: Path, content: Any):
        self.path = path
        self.problems: list[str] = []
        self.content = self._mapping(content, "the file", (), (*_REQUIRED, *_OPTIONAL))

    def study(self, size: str | None) -> Study:
        sizes = self._sizes()
        studies = [self._of_size(name, {**self.content, **content}, tuple(sizes)) for name, content in sizes.items()]
        if not sizes:
            studies = [self._of_size(None, self.content, ())]
        if size is not None and size not in sizes:
            expected = f"one of {', '.join(sizes)}" if sizes else "none: this study has one size only"
            self._expect(False, "size", size, expected)
        if self.problems:
            problems = list(dict.fromkeys(self.problems))
            count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
            raise ReportError("\n".join([f"{self.path} has {count}:", *(f"  {line}" for line in problems)]))
        return next((study for study in studies if study.size == size), studies[0])

    def _sizes(self) -> dict[str, dict[str, Any]]:
        sizes = self.content.get("sizes", {})
        self._expect(isinstance(sizes, dict), "sizes", sizes, "keys by name of a size")
        found = {}
        for name, content in sizes.items() if isinstance(sizes, dict) else ():
            self._expect(re.fullmatch(r"\w+", str(name)), "sizes", name, "names of letters, digits and _")
            found[str(name)] = self._mapping(content, f"sizes.{name}", (), _OF_A_SIZE)
        return found

    def _of_size(self, size: str | None, content: dict[str, Any], sizes: tuple[str, ...]) -> Study:
        for key in _REQUIRED:
            missing = content.get(key) in (None, "", [])
            where = f"sizes.{size}" if size and key in _OF_A_SIZE else "the file"
            self._expect(not missing, f"{where}: {key}", content.get(key, "nothing"), "a value")
        entries = [(self._row(entry, place, sizes), entry) for place, entry in enumerate(self._list(content, "rows"))]
        rows = tuple(row for row, entry in entries if not sizes or size in _sizes_of(entry, sizes))
        columns = tuple(map(str, self._list(content, "columns")))
        for column in columns:
            self._expect(column in COLUMNS, "columns", column, f"one of {', '.join(COLUMNS)}")
        seeds = self._list(content, "seeds")
        for seed in seeds:
            whole = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed <= _LARGEST_SEED
            self._expect(whole, "seeds", seed, f"whole numbers from 0 to {_LARGEST_SEED}")
        self._expect(len(set(map(str, seeds))) == len(seeds), "seeds", seeds, "different numbers")
        names = [row.name for row in rows]
        self._expect(len(set(names)) == len(names), "rows", ", ".join(names), "a different name for each row")
        runs = [(row.experiment, frozenset(row.overrides)) for row in rows]
        self._expect(len(set(runs)) == len(runs), "rows", ", ".join(names), "different experiments or overrides")
        baseline = str(content.get("baseline"))
        self._expect(baseline in names, "baseline", baseline, f"the name of a row: {', '.join(names)}")
        varies = tuple(map(str, self._list(content, "varies")))
        for fact in varies:
            self._expect(fact in VARIES, "varies", fact, f"one of {', '.join(VARIES)}")
        folder = self.path.parent.resolve().name
        published = self._list(content, "published")
        return Study(
            name=f"{folder}/{size}" if size else folder,
            folder=self.path.parent,
            title=str(content.get("title")),
            text=str(content.get("text", "")).strip(),
            common=self._overrides(content, "common"),
            fill_in=self._overrides(content, "fill_in"),
            seeds=tuple(seeds),
            baseline=baseline,
            rows=rows,
            columns=columns,
            published=tuple(self._published(entry, place) for place, entry in enumerate(published)),
            size=size,
            sizes=sizes,
            varies=varies,
        )

    def _row(self, entry: Any, place: int, sizes: tuple[str, ...]) -> Row:
        where = f"rows[{place}]"
        values = self._mapping(entry, where, ("name", "label", "experiment"), ("overrides", "sizes"))
        only = values.get("sizes", [])
        known = isinstance(only, list) and all(size in sizes for size in only)
        self._expect(known, f"{where}.sizes", only, f"a list of {', '.join(sizes) or 'nothing: there are no sizes'}")
        overrides = self._overrides(values, "overrides", where)
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

    def _overrides(self, content: dict[str, Any], key: str, where: str = "") -> tuple[str, ...]:
        name = f"{where}.{key}" if where else key
        overrides = tuple(map(str, self._list(content, key, where)))
        for override in overrides:
            self._expect("=" in override, name, override, "key=value")
        return overrides

    def _mapping(self, value: Any, where: str, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._expect(False, where, value, f"the keys {', '.join((*required, *optional))}")
            return {}
        for key in required:
            self._expect(value.get(key) not in (None, "", []), f"{where}: {key}", value.get(key, "nothing"), "a value")
        for key in value.keys() - {*required, *optional}:
            self._expect(False, where, f"key {key}", f"only {', '.join((*required, *optional))}")
        return value

    def _list(self, content: dict[str, Any], key: str, where: str = "") -> list[Any]:
        value = content.get(key, [])
        self._expect(isinstance(value, list), f"{where}.{key}" if where else key, value, "a list")
        return value if isinstance(value, list) else []

    def _expect(self, holds: object, key: str, given: object, expected: str) -> None:
        if not holds:
            self.problems.append(f"{key}: given {given}, expected {expected}")


def _sizes_of(entry: Any, sizes: tuple[str, ...]) -> tuple[str, ...]:
    only = entry.get("sizes") if isinstance(entry, dict) else None
    return tuple(only) if isinstance(only, list) and only else sizes

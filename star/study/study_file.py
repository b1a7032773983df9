"""The reader of study.yaml: everything wrong with it in one error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any

from star.config.folders import use_config_folders
from star.config.typed import as_typed
from star.config.yaml_words import misread_words
from star.data.text import read_text
from star.errors import DataError, ReportError, list_problems
from star.study.study import COLUMNS, VARIES, Published, Row, Study
from star.types import RERANKINGS

_OF_A_SIZE = ("title", "text", "common", "fill_in", "seeds", "published")
_REQUIRED = ("title", "rows", "seeds", "columns", "baseline")
_OPTIONAL = ("text", "common", "fill_in", "published", "varies", "sizes", "config_dir")
_OF_THE_STUDY = {
    **dict.fromkeys(("seed", "study", "resume"), "the study gives it to each run"),
    "rerun": "what is finished counts; to train it again, star-study run --repeat-outdated or star-train",
    **dict.fromkeys(("tracker", "tracker.kind"), "runs of a study are found in the MLflow store"),
    "tracker.uri": "all runs of a study are in one store, star-study run --uri",
    "hydra": "folders and launchers of Hydra are given on the command line",
}
"""Keys of a run that are no overrides of a row, nor those below them for `hydra`, and why."""
_LARGEST_SEED = 2**31 - 1
_AFTER_RERANKING = tuple(f"_{kind}" for kind in RERANKINGS)
_A_COLUMN = (
    f"one of {', '.join(column for column in COLUMNS if not column.endswith(_AFTER_RERANKING))}; scores also with "
    f"{' or '.join(_AFTER_RERANKING)}"
)


def _read(path: Path) -> tuple[Any, list[str]]:
    """The content of the file, and what stands in it that YAML reads otherwise than it looks."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        text = read_text(path)
        return OmegaConf.to_container(OmegaConf.load(StringIO(text))), list(misread_words(text))
    except DataError as error:
        raise ReportError(str(error)) from error
    except (OSError, YAMLError, OmegaConfBaseException) as error:
        raise ReportError(f"{path} cannot be read as YAML: {error}") from error


class StudyReader:
    """Takes study.yaml apart and remembers every problem, of all sizes.

    Args:
        path: the file, which exists.

    Raises:
        ReportError: it is no YAML.
    """

    def __init__(self, path: Path):
        content, self.problems = _read(path)
        self.path = path
        self.content = self._mapping(content, "the file", (), (*_REQUIRED, *_OPTIONAL))

    def study(self, size: str | None) -> Study:
        """The study in one size, or the first.

        Raises:
            ReportError: no such size, or wrong entries; lists all of them.
        """
        folders = self._config_folders()
        sizes = self._sizes()
        studies = [self._of_size(name, {**self.content, **content}, tuple(sizes)) for name, content in sizes.items()]
        if not sizes:
            studies = [self._of_size(None, self.content, ())]
        if size is not None and size not in sizes:
            expected = f"one of {', '.join(sizes)}" if sizes else "none: this study has one size only"
            self._expect(False, "size", size, expected)
        if self.problems:
            raise ReportError(list_problems(f"{self.path} has", list(dict.fromkeys(self.problems))))
        use_config_folders(folders, f"{self.path}: config_dir")
        return next((study for study in studies if study.size == size), studies[0])

    def _config_folders(self) -> list[Path]:
        """The folders of `config_dir`, relative to that of the file."""
        given = self.content.get("config_dir", [])
        folders = [self.path.parent / str(name) for name in ([given] if isinstance(given, str) else given or [])]
        for folder in folders:
            self._expect(folder.is_dir(), "config_dir", folder, "an existing folder, laid out like conf/")
        return folders

    def _sizes(self) -> dict[str, dict[str, Any]]:
        sizes = self.content.get("sizes", {})
        self._expect(isinstance(sizes, dict), "sizes", sizes, "keys by name of a size")
        found = {}
        for name, content in sizes.items() if isinstance(sizes, dict) else ():
            self._expect(re.fullmatch(r"\w+", str(name)), "sizes", name, "names of letters, digits and _")
            found[str(name)] = self._mapping(content, f"sizes.{name}", (), _OF_A_SIZE)
        return found

    def _of_size(self, size: str | None, content: dict[str, Any], sizes: tuple[str, ...]) -> Study:
        meant = _meant(content, (*_REQUIRED, *_OPTIONAL)).values()
        for key in _REQUIRED:
            missing = content.get(key) in (None, "", []) and key not in meant
            where = f"sizes.{size}" if size and key in _OF_A_SIZE else "the file"
            self._expect(not missing, f"{where}: {key}", content.get(key, "nothing"), "a value")
        entries = [(self._row(entry, place, sizes), entry) for place, entry in enumerate(self._list(content, "rows"))]
        rows = tuple(row for row, entry in entries if not sizes or size in _sizes_of(entry, sizes))
        columns = self._texts(content, "columns")
        for column in columns:
            self._expect(column in COLUMNS, "columns", column, _A_COLUMN)
        self._expect(len(set(columns)) == len(columns), "columns", ", ".join(columns), "each column once")
        seeds = self._list(content, "seeds")
        for seed in seeds:
            whole = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed <= _LARGEST_SEED
            self._expect(whole, "seeds", seed, f"whole numbers from 0 to {_LARGEST_SEED}")
        self._expect(len(set(map(str, seeds))) == len(seeds), "seeds", seeds, "different numbers")
        names = [row.name for row in rows]
        self._expect(len(set(names)) == len(names), "rows", ", ".join(names), "a different name for each row")
        runs = [(row.experiment, frozenset(row.overrides)) for row in rows]
        self._expect(len(set(runs)) == len(runs), "rows", ", ".join(names), "different experiments or overrides")
        baseline = self._text(content, "baseline")
        known = baseline in names or not (baseline and names)  # what is missing is said already
        self._expect(known, "baseline", baseline, f"the name of a row: {', '.join(names)}")
        varies = self._texts(content, "varies")
        for fact in varies:
            self._expect(fact in VARIES, "varies", fact, f"one of {', '.join(VARIES)}")
        folder = self.path.parent.resolve().name
        published = self._list(content, "published")
        return Study(
            name=f"{folder}/{size}" if size else folder,
            folder=self.path.parent,
            title=self._text(content, "title"),
            text=self._text(content, "text").strip(),
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
        name, label, experiment = (self._text(values, key, where) for key in ("name", "label", "experiment"))
        plain = not name or re.fullmatch(r"[\w.+-]*\w", name)
        self._expect(plain, f"{where}.name", name, "letters, digits and _ . + -, for it is in the names of folders")
        return Row(name, label, experiment, overrides)

    def _published(self, entry: Any, place: int) -> Published:
        where = f"published[{place}]"
        values = self._mapping(entry, where, ("label", "source", "values"), ("about",))
        about = values.get("about", {})
        plain = isinstance(about, dict) and not any(isinstance(value, dict | list) for value in about.values())
        self._expect(plain, f"{where}.about", about, "facts with their values, e.g. {T: 6, backbone: ResNet-50}")
        figures = values.get("values", {})
        self._expect(isinstance(figures, dict) and figures, f"{where}.values", figures, "percentages by column")
        figures = figures if isinstance(figures, dict) else {}
        for column, figure in figures.items():
            self._expect(column in COLUMNS, f"{where}.values", column, _A_COLUMN)
            number = isinstance(figure, int | float) and not isinstance(figure, bool) and 0 <= figure <= 100
            self._expect(number, f"{where}.values.{column}", figure, "a percentage")
        facts = {str(fact): str(value) for fact, value in about.items()} if plain else {}
        return Published(self._text(values, "label", where), self._text(values, "source", where), figures, facts)

    def _overrides(self, content: dict[str, Any], key: str, where: str = "") -> tuple[str, ...]:
        name = f"{where}.{key}" if where else key
        overrides = tuple(as_typed(self._texts(content, key, where)))
        for override in overrides:
            self._expect("=" in override, name, override, "key=value")
            given = override.partition("=")[0].lstrip("+~")
            given = "hydra" if given.startswith(("hydra.", "hydra/")) else given
            self._expect(given not in _OF_THE_STUDY, name, override, f"no {given}: {_OF_THE_STUDY.get(given)}")
        return overrides

    def _mapping(self, value: Any, where: str, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._expect(False, where, value, f"the keys {', '.join((*required, *optional))}")
            return {}
        known = (*required, *optional)
        meant = _meant(value, known)
        for key in required:
            given = value.get(key) not in (None, "", []) or key in meant.values()
            self._expect(given, f"{where}: {key}", value.get(key, "nothing"), "a value")
        for key in value.keys() - {*known}:
            hint = f" (did you mean {meant[key]}?)" if key in meant else ""
            self._expect(False, where, f"key {key}", f"only {', '.join(known)}{hint}")
        return value

    def _text(self, content: dict[str, Any], key: str, where: str = "") -> str:
        """A text; a whole number is one too, it is read as it looks."""
        value = content.get(key, "")
        text = isinstance(value, str | int | type(None)) and not isinstance(value, bool)
        self._expect(text, f"{where}.{key}" if where else key, value, "a text, in quotes where it is no word")
        return "" if value is None else str(value)

    def _texts(self, content: dict[str, Any], key: str, where: str = "") -> tuple[str, ...]:
        listed = dict(enumerate(self._list(content, key, where)))
        name = f"{where}.{key}" if where else key
        return tuple(self._text({f"{name}[{place}]": value}, f"{name}[{place}]") for place, value in listed.items())

    def _list(self, content: dict[str, Any], key: str, where: str = "") -> list[Any]:
        value = content.get(key, [])
        self._expect(isinstance(value, list), f"{where}.{key}" if where else key, value, "a list")
        return value if isinstance(value, list) else []

    def _expect(self, holds: object, key: str, given: object, expected: str) -> None:
        if not holds:
            self.problems.append(f"{key}: given {given}, expected {expected}")


def _meant(given: Iterable[Any], known: Sequence[str]) -> dict[Any, str]:
    """The keys among those given that are not known, each with the nearest known one that is not given."""
    given = list(given)
    absent = [key for key in known if key not in given]
    near = {key: get_close_matches(str(key), absent, n=1) for key in given if key not in known}
    return {key: names[0] for key, names in near.items() if names}


def _sizes_of(entry: Any, sizes: tuple[str, ...]) -> tuple[str, ...]:
    only = entry.get("sizes") if isinstance(entry, dict) else None
    return tuple(only) if isinstance(only, list) and only else sizes

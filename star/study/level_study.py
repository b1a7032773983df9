"""A study of levels: the trained runs of another study, ranked on test clips that are made harder step by step.

Its study.yaml names the other study instead of rows:

title: What the curves are about
text: One paragraph above them.                     # optional
of: baseline_vs_star                                # the study whose runs are ranked, a folder beside this one
levels:                                             # see star/data/corruption.py; 0 is always measured
  occlusion: [0.1, 0.2, 0.3]
  joint_noise: [0.02, 0.05]
  joint_dropout: [0.2, 0.4]
seed: 0                                             # of the corruption, optional
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from star.config.yaml_words import misread_words
from star.data.text import read_text
from star.errors import DataError, ReportError, list_problems
from star.evaluation.robustness_record import KINDS, Level
from star.study.study import STUDY_FILE, Study, load_study

_REQUIRED, _OPTIONAL = ("title", "of", "levels"), ("text", "seed")
_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class LevelStudy:
    """A checked study of levels.

    Attributes:
        name: the folder's name, with sizes `<folder>/<size>`.
        folder: of study.yaml.
        title, text: for the reader.
        of: the study whose runs are ranked, in the same size.
        levels: by kind, ascending, 0 the first.
        seed: of the corruption.
    """

    name: str
    folder: Path
    title: str
    text: str
    of: Study
    levels: dict[str, tuple[float, ...]]
    seed: int

    @property
    def points(self) -> list[Level]:
        """Every kind at every level, the clean one once."""
        points = [Level.of(kind, level, self.seed) for kind, levels in self.levels.items() for level in levels]
        return list(dict.fromkeys(points))

    @property
    def arguments(self) -> str:
        """What a command needs to find this study again, e.g. `experiments/robustness --size cpu`."""
        usual = self.of.size is None or self.of.size == self.of.sizes[0]
        return str(self.folder) if usual else f"{self.folder} --size {self.of.size}"


def is_level_study(folder: Path) -> bool:
    """Whether the study of a folder names another study instead of rows."""
    try:
        content, _ = _read(folder)
    except ReportError:
        return False
    return isinstance(content, dict) and "of" in content


def load_level_study(folder: Path, size: str | None = None) -> LevelStudy:
    """Read and check a study of levels and the study it is of.

    Args:
        folder: of study.yaml.
        size: of the other study; None is its first.

    Raises:
        ReportError: wrong entries, in either file; lists all of the first.
    """
    folder = Path(folder)
    content, problems = _read(folder)
    if not isinstance(content, dict):
        raise ReportError(f"{folder / STUDY_FILE}: given {content!r}, expected the keys {', '.join(_REQUIRED)}")
    known = (*_REQUIRED, *_OPTIONAL)
    for key in content:
        if key not in known:
            problems.append(f"key {key}: expected only {', '.join(known)}")
    for key in _REQUIRED:
        if content.get(key) in (None, "", {}):
            problems.append(f"{key}: given {content.get(key, 'nothing')}, expected a value")
    seed = content.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= _LARGEST_SEED:
        problems.append(f"seed: given {seed}, expected a whole number from 0 to {_LARGEST_SEED}")
    levels = _levels(content.get("levels"), problems)
    other = folder.resolve().parent / str(content.get("of"))
    if not (other / STUDY_FILE).is_file():
        beside = sorted(p.parent.name for p in other.parent.glob(f"*/{STUDY_FILE}") if p.parent != folder.resolve())
        problems.append(f"of: given {content.get('of')}, expected a study beside this one: {', '.join(beside)}")
    if problems:
        raise ReportError(list_problems(f"{folder / STUDY_FILE} has", problems))
    study = load_study(folder.parent / str(content["of"]) if folder.name else other, size)
    name = folder.resolve().name
    return LevelStudy(
        name=f"{name}/{study.size}" if study.size else name,
        folder=folder,
        title=str(content["title"]),
        text=str(content.get("text", "")).strip(),
        of=study,
        levels=levels,
        seed=seed,
    )


def _levels(given: Any, problems: list[str]) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for kind, values in given.items() if isinstance(given, dict) else ():
        if kind not in KINDS:
            problems.append(f"levels: given {kind}, expected only {', '.join(KINDS)}")
            continue
        most = float("inf") if kind == "joint_noise" else 1
        numbers: list[Any] = values if isinstance(values, list) and values else [None]
        if not all(isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n <= most for n in numbers):
            expected = "numbers from 0" if kind == "joint_noise" else "numbers from 0 to 1"
            problems.append(f"levels.{kind}: given {values}, expected a list of {expected}")
            continue
        found[kind] = tuple(sorted({0.0, *map(float, numbers)}))
    if given and not isinstance(given, dict):
        problems.append(f"levels: given {given}, expected lists by {', '.join(KINDS)}")
    return found


def _read(folder: Path) -> tuple[Any, list[str]]:
    """The content of the file, and what stands in it that YAML reads otherwise than it looks."""
    from yaml import YAMLError, safe_load

    path = Path(folder) / STUDY_FILE
    try:
        text = read_text(path)
        return safe_load(text), list(misread_words(text))
    except DataError as error:
        raise ReportError(str(error)) from error
    except (OSError, YAMLError) as error:
        raise ReportError(f"{path} cannot be read as YAML: {error}") from error

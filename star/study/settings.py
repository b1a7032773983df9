"""The settings a study asks of its runs, compared with those a run was trained with.

A run belongs to the row whose settings it has, whichever way they were written: `experiment=frames_6` is
`experiment=star dataset.frames=6`, and a run of another study is as good as one of this. Left out are paths and what
cannot change a number (see `star.tracking.fingerprint`), what the study lets the user fill in, and the hardware unless
a row is about it.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from star.config.folders import config_folders
from star.errors import Problem, ReportError, list_problems
from star.study.study import STUDY_FILE, Row, Study

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

Settings = dict[str, Any]
"""Values by dotted key, e.g. `schedule.epochs`."""


def asked_settings(study: Study, outputs: Path | None = None) -> dict[tuple[str, int], Settings]:
    """What each row asks for with each seed, by name of the row and seed.

    Composing takes a quarter of a second a row, so the answer is kept until the study, `conf/` or the schema changes.

    Args:
        study: the study.
        outputs: where the answer is kept, in `studies/`; None keeps nothing.

    Raises:
        ReportError: a row that cannot be composed, or with keys that do not exist; lists all of them.
    """
    if outputs is None:
        return _compose(study)
    path, digest = outputs / "studies" / study.name / "settings.json", _digest(study)
    with suppress(OSError, ValueError, KeyError):
        kept = json.loads(path.read_text())
        if kept["digest"] == digest:
            return {(row, seed): settings for row, seed, settings in kept["asked"]}
    asked = _compose(study)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_text(json.dumps({"digest": digest, "asked": [[*key, value] for key, value in asked.items()]}))
        os.replace(fresh, path)
    return asked


def _digest(study: Study) -> str:
    """Of everything that decides what a study asks for."""
    rows = [[row.name, row.experiment, row.overrides] for row in study.rows]
    about = [study.name, study.common, study.fill_in, study.seeds, rows]
    digest = hashlib.sha256(json.dumps(about).encode())
    package = Path(__file__).parents[1]
    sources = [*package.joinpath("config").glob("*.py"), package / "tracking" / "fingerprint.py", Path(__file__)]
    sources += Path(str(files("star.conf"))).rglob("*.yaml")
    sources += [path for folder in config_folders() for path in Path(folder).rglob("*.yaml")]
    for path in sorted(sources):
        digest.update(str(path).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _compose(study: Study) -> dict[tuple[str, int], Settings]:
    from omegaconf import OmegaConf

    from star.config.compose import compose_run
    from star.config.slots import read_config

    found: dict[Problem, list[str]] = {}
    asked: dict[tuple[str, int], Settings] = {}
    for row in study.rows:
        composed, problems = compose_run(row_overrides(study, row))
        for seed in study.seeds if composed else ():
            composed.seed = seed
            values: dict[str, Any] = OmegaConf.to_container(composed, resolve=True)  # type: ignore[assignment]
            config = read_config(values, problems)
            if problems:
                break
            asked[row.name, seed] = settings_of(study, config)
        for problem in problems:
            found.setdefault(problem, []).append(row.name)
    found |= equal_rows(study, asked)
    if found:
        raise ReportError(describe_problems(study, found))
    return asked


def equal_rows(study: Study, asked: dict[tuple[str, int], Settings]) -> dict[Problem, list[str]]:
    """Rows that ask for the same settings, as problems with the names of the rows."""
    alike: list[tuple[Settings, list[str]]] = []
    for row in study.rows:
        settings = asked.get((row.name, study.seeds[0]))
        names = next((names for other, names in alike if other == settings), None)
        if settings is not None and names is None:
            alike.append((settings, [row.name]))
        elif names is not None:
            names.append(row.name)
    same = [names for _, names in alike if len(names) > 1]
    return {Problem("settings", "the same in all of them", "rows that differ"): names for names in same}


def row_overrides(study: Study, row: Row) -> list[str]:
    """The overrides of a row's runs, but for the seed and what the user fills in."""
    return [f"experiment={row.experiment}", f"study={study.name}", *study.common, *row.overrides]


def settings_of(study: Study, config: Any) -> Settings:
    """The settings of a configuration, as far as a study's runs are told apart by them."""
    from star.tracking.fingerprint import flat, relevant_values

    return _comparable(study, flat(relevant_values(config)))


def trained_settings(study: Study, run: RunRecord) -> Settings | None:
    """The settings a run was trained with, in the keys of today; None if its folder is not on this machine.

    Raises:
        ConfigError: a later version of the software has stored them.
    """
    from star.config.migrations import migrate_settings
    from star.tracking.fingerprint import flat

    if run.folder is None:
        return None
    try:
        stored = json.loads((run.folder / "fingerprint.json").read_text())["config"]
        return _comparable(study, flat(migrate_settings(stored)))
    except (OSError, ValueError, KeyError):
        return None


def differences(asked: Settings, trained: Settings) -> list[str]:
    """What differs, e.g. `schedule.epochs is 12, asked is 10`; a key that one side lacks is a difference."""
    return [
        f"{key} is {trained.get(key, 'absent')}, asked is {asked.get(key, 'absent')}"
        for key in sorted(asked.keys() | trained.keys())
        if asked.get(key, "absent") != trained.get(key, "absent")
    ]


def describe_problems(study: Study, found: dict[Problem, list[str]]) -> str:
    """All problems of a study's rows as one message; `found` has the rows of each."""
    lines = []
    for problem, rows in found.items():
        every = len(rows) == len(study.rows)
        where = "every row" if every else f"row{'s' if len(rows) > 1 else ''} {', '.join(rows)}"
        lines.append(f"{where}: {problem.key}: given {problem.given}, expected {problem.expected}")
    size = f", size {study.size}," if study.size else ""
    return list_problems(f"{study.folder / STUDY_FILE}{size} has", lines)


def _comparable(study: Study, values: Settings) -> Settings:
    left_out = {override_key(override) for override in study.fill_in} | {"hardware"}
    left_out -= {override_key(override).partition(".")[0] for row in study.rows for override in row.overrides}
    return {
        key: value
        for key, value in values.items()
        if not any(key == other or key.startswith(f"{other}.") for other in left_out)
    }


def override_key(override: str) -> str:
    """`dataset.root` of `++dataset.root=FOLDER`."""
    return override.partition("=")[0].lstrip("+~")

"""The check of a whole study: every problem at once, before any of its runs is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from star.config.check import check_config
from star.config.compose import compose_run
from star.config.schema import Config
from star.errors import ConfigError, Problem, ReportError
from star.study.settings import describe_problems, equal_rows, override_key, row_overrides, settings_of
from star.study.study import Study
from star.types import RERANKINGS

_FREE = ("hydra", "hardware", "dataset.root", "dataset.skeletons", "dataset.pack", "schedule.evaluation_batch")
"""Keys (and those below them) that change no number, or only where and how a study is run."""


@dataclass(frozen=True)
class CheckedStudy:
    """A study that can be run.

    Attributes:
        study: the study.
        filled_in: the user's overrides for the study's `fill_in` and for where it runs.
        launcher: the user's overrides of Hydra itself.
        configs: by name of the row and seed; without those that lack what the user has to fill in.
    """

    study: Study
    filled_in: tuple[str, ...]
    launcher: tuple[str, ...]
    configs: dict[tuple[str, int], Config]


def check_study(study: Study, given: Sequence[str], *, to_show: bool = False, here: bool = True) -> CheckedStudy:
    """Compose and check each row, as `star-train -m` does with its jobs; its seeds differ in their number alone.

    Args:
        study: the study.
        given: the user's overrides.
        to_show: the user's values may be missing; the study's names for them stand in their place.
        here: False if the runs will be on other machines.

    Raises:
        ReportError: lists every problem with the rows that have it.
    """
    names = [row.name for row in study.rows]
    found = dict.fromkeys(_wrong_overrides(study, given), names)
    unfilled = {problem.key for problem in found if problem.given == "nothing"}
    launcher = tuple(text for text in given if _is_below(override_key(text), "hydra"))
    filled_in = tuple(text for text in given if text not in launcher)
    if to_show:
        found = {problem: rows for problem, rows in found.items() if problem.key not in unfilled}
    configs: dict[tuple[str, int], Config] = {}
    for row in study.rows:
        composed, problems = compose_run([*row_overrides(study, row), *filled_in])
        mine = dict.fromkeys(problems)
        if composed:
            composed.seed = study.seeds[0]
            try:
                config = check_config(composed, problems, here=here)
                configs |= {(row.name, seed): replace(config, seed=seed) for seed in study.seeds}
            except ConfigError as error:
                mine |= dict.fromkeys(error.problems)
        for problem in mine:
            if problem.key not in unfilled:
                found.setdefault(problem, []).append(row.name)
    found |= equal_rows(study, {key: settings_of(study, config) for key, config in configs.items()})
    if found:
        raise ReportError(describe_problems(study, found))
    names_only = tuple(text for text in study.fill_in if override_key(text) in unfilled)
    return CheckedStudy(study, (*filled_in, *names_only), launcher, configs)


def rerankings_not_made(checked: CheckedStudy) -> list[str]:
    """A sentence for each re-ranking that the study has columns of and that the runs of some rows do not make."""
    notes = []
    for kind in RERANKINGS:
        columns = [column for column in checked.study.columns if column.endswith(f"_{kind}")]
        without = [name for (name, _), config in checked.configs.items() if config.reranking.kind != kind]
        if columns and without:
            notes.append(
                f"{', '.join(columns)}: the runs of {', '.join(dict.fromkeys(without))} have no such score when they "
                f"end; `star-evaluate run=ID reranking={kind}` adds it, or reranking={kind} among `common` of the study"
            )
    return notes


def _wrong_overrides(study: Study, given: Sequence[str]) -> list[Problem]:
    filled = {override_key(text) for text in given}
    wanted = {override_key(text): text for text in study.fill_in}
    problems = [
        Problem(key, "nothing", f"{text} on the command line") for key, text in wanted.items() if key not in filled
    ]
    known = ", ".join([*wanted, *(f"{key}..." for key in _FREE)])
    for text in given:
        key = override_key(text)
        if "=" not in text:
            problems.append(Problem("command line", text, "KEY=VALUE"))
        elif key not in wanted and not any(_is_below(key, free) for free in _FREE):
            problems.append(Problem(key, text, f"one of {known}; what changes the numbers belongs into study.yaml"))
    return problems


def _is_below(key: str, group: str) -> bool:
    return key == group or key.startswith((f"{group}.", f"{group}/"))

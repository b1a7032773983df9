"""Differences between runs besides their scores: keys of their configurations, versions, devices, commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from star.report.queries import FindFile

if TYPE_CHECKING:
    from star.tracking.runs import RunRecord

CONFIG_FILE = "config.yaml"
ABSENT = "–"
_NOT_SETTINGS = ("study", "seed", "resume", "rerun", "tracker.")
_PROVENANCE = ("device", "version.", "code.", "git_commit", "git_dirty")


class Difference(NamedTuple):
    """A key and its value in each run, in their order."""

    key: str
    values: tuple[str, ...]


def configuration(run: RunRecord, find: FindFile) -> tuple[dict[str, str], bool]:
    """The run's settings by dotted key, and whether they are all of them.

    Its resolved configuration file has all; where it cannot be had, the parameters in the store have to do.
    """
    path = find(run, CONFIG_FILE)
    content = None if path is None else _read(path)
    if content is None:
        return {key: value for key, value in run.params.items() if not key.startswith(_NOT_SETTINGS)}, False
    flat = _flat(content)
    return {key: value for key, value in flat.items() if not key.startswith(_NOT_SETTINGS)}, True


def differing(configurations: Sequence[Mapping[str, str]]) -> list[Difference]:
    """The keys whose values are not the same in all configurations, sorted."""
    keys = sorted({key for configuration in configurations for key in configuration})
    found = [Difference(key, tuple(c.get(key, ABSENT) for c in configurations)) for key in keys]
    return [difference for difference in found if len(set(difference.values)) > 1]


def provenance(runs: Sequence[RunRecord]) -> dict[str, dict[str, list[str]]]:
    """Ids of the runs by fact (device, versions, commit, hashes of the code) and by its value."""
    facts: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        about = {key: value for key, value in run.tags.items() if key.startswith(_PROVENANCE)}
        if about.pop("git_dirty", "false") == "true" and "git_commit" in about:
            about["git_commit"] += " with uncommitted changes"
        for key, value in about.items():
            facts.setdefault(key.removeprefix("version."), {}).setdefault(value, []).append(run.run_id)
    return {key: facts[key] for key in sorted(facts)}


def _read(path: Path) -> dict[str, Any] | None:
    import yaml

    try:
        content = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return content if isinstance(content, dict) else None


def _flat(node: Any, prefix: str = "") -> dict[str, str]:
    if not isinstance(node, dict) or not node:
        return {prefix: "null" if node is None else str(node)}
    parts = [_flat(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in node.items()]
    return {key: value for part in parts for key, value in part.items()}

"""A hash of everything that can change a run's numbers, so that a finished run is found again and not repeated."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from star.config.migrations import VERSION, drop_unused_draws, migrate_settings
from star.config.schema import Config
from star.config.slots import nodes
from star.config.target import sources_of

PACKAGES = ("mindspore", "numpy", "opencv-python-headless")
"""Packages whose version can change a number."""

_NUMERIC_CODE = ("data", "engine", "evaluation", "losses", "models", "ops")
_NOT_NUMERIC = {
    *("data/dataset_report.py", "data/contact_sheet.py"),
    *(f"data/pack/{name}.py" for name in ("contents", "earlier", "partial", "verify", "writer")),
    *("engine/check_data.py", "engine/make_skeletons.py", "engine/pack_data.py", "engine/profile.py"),
    *("engine/search.py", "engine/verify_skeletons.py"),
}
"""Files of these that only write or look at a data set; what they write has a fingerprint of its own."""
_IRRELEVANT = {
    "dataset": ("root", "skeletons", "pack"),
    "backbone": ("pretrained",),
    "hardware": ("loader_workers", "device_id", "sink_size", "recompute"),
    "schedule": ("evaluation_batch",),
}


class Fingerprint(NamedTuple):
    """What a run's numbers depend on.

    Attributes:
        config: the configuration without names, paths and whatever cannot change a number.
        data: fingerprint of the data set's index and skeleton files.
        weights: hash of the pretrained weights, or "none".
        code: hash of the package's numeric source files.
        packages: versions of `PACKAGES`.
        parts: hash of the source of every package outside of this one that the configuration names a class of.
        frames: hash of a sample of the data set's frames; None: not known, as of runs from before it was kept.
    """

    config: dict[str, Any]
    data: str
    weights: str
    code: str
    packages: dict[str, str]
    parts: dict[str, str] = {}
    frames: str | None = None

    def same_data(self, other: Fingerprint) -> bool:
        """Whether both are of one data set, as far as they know."""
        return self.data == other.data and (self.frames == other.frames or None in (self.frames, other.frames))

    @property
    def software(self) -> tuple[Any, ...]:
        """What may change between two runs of one configuration."""
        return self.code, self.packages, self.parts

    @property
    def digest(self) -> str:
        """16 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self._asdict(), sort_keys=True).encode()).hexdigest()[:16]

    def differences(self, other: Fingerprint) -> list[str]:
        """The entries in which `other` differs, e.g. `config.schedule.epochs: 12, was 10`."""
        mine, theirs = flat(self._asdict()), flat(other._asdict())
        return [
            f"{key}: {mine.get(key, 'absent')}, was {theirs.get(key, 'absent')}"
            for key in sorted(mine.keys() | theirs.keys())
            if mine.get(key) != theirs.get(key)
        ]

    @classmethod
    def load(cls, path: Path) -> Fingerprint:
        """Read what `save` wrote, the configuration in the keys of today."""
        stored = json.loads(path.read_text())
        return cls(**{**stored, "config": migrate_settings(stored["config"])})

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(self._asdict(), indent=1, sort_keys=True))


def fingerprint(config: Config, data_fingerprint: str, frames: str | None = None) -> Fingerprint:
    """The fingerprint of one run.

    Args:
        config: a checked configuration.
        data_fingerprint: of the data set as read, `VideoReIDData.fingerprint`.
        frames: hash of a sample of its frames.
    """
    weights = _weights_digest(config.backbone["pretrained"])
    targets = [str(node["_target_"]) for _, _, node in nodes(config) if node.get("_target_")]
    foreign = sources_of(target for target in targets if not target.startswith("star."))
    values, software = relevant_values(config), (code_digest(), _versions(), foreign)
    return Fingerprint(values, data_fingerprint, weights, *software, frames)


def relevant_values(config: Config) -> dict[str, Any]:
    """The configuration as plain JSON values, without names, paths and whatever cannot change a number."""
    values = json.loads(json.dumps(asdict(config)))
    for name in ("study", "resume", "rerun", "checkpoint_every", "tracker"):
        values.pop(name)
    for group, keys in _IRRELEVANT.items():
        for key in keys:
            values[group].pop(key, None)
    values["version"] = VERSION
    drop_unused_draws(values)
    _count_processes(values)
    if values["hardware"]["precision"] == "O0":
        del values["hardware"]["loss_scale"], values["hardware"]["loss_scale_window"]
    if not any(level for kind, level in values["dataset"]["corruption"].items() if kind != "seed"):
        values["dataset"].pop("corruption")
    if values["reranking"]["kind"] == "none":
        del values["reranking"]
    return values


def _count_processes(values: dict[str, Any]) -> None:
    """Processes that share all statistics of a batch give the numbers of one, to rounding, and count as one."""
    hardware = values["hardware"]
    gathering = [node for node in values["loss"].values() if isinstance(node.get("gather"), bool)]
    one = hardware["processes"] == 1
    if all(node["gather"] for node in gathering) and (one or hardware["batch_norm"] == "global"):
        hardware["processes"] = 1
    if one or hardware["batch_norm"] == "global":
        del hardware["batch_norm"]
    for node in gathering:
        if one or node["gather"]:
            del node["gather"]


def _weights_digest(source: str | None) -> str:
    if source is None:
        return "none"
    if source.startswith("hf://"):
        return source
    path = Path(source).expanduser()
    return _file_digest(path, path.stat().st_mtime_ns)


@cache
def _file_digest(path: Path, changed: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@cache
def code_digest() -> str:
    """Hash of the source files that compute numbers."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for part in _NUMERIC_CODE:
        for path in sorted((package / part).rglob("*.py")):
            name = path.relative_to(package).as_posix()
            if name not in _NOT_NUMERIC:
                digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one with dotted keys."""
    if not isinstance(node, dict):
        return {prefix: node}
    return {k: v for key, value in node.items() for k, v in flat(value, f"{prefix}.{key}" if prefix else key).items()}

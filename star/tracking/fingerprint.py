"""A hash of everything that can change a run's numbers, so that a finished run is found again and not repeated."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from star.config.schema import Config

PACKAGES = ("mindspore", "numpy", "opencv-python-headless")
"""Packages whose version can change a number."""

_NUMERIC_CODE = ("data", "engine", "evaluation", "losses", "models", "ops")
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
    """

    config: dict[str, Any]
    data: str
    weights: str
    code: str
    packages: dict[str, str]

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
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(self._asdict(), indent=1, sort_keys=True))


def fingerprint(config: Config, data_fingerprint: str) -> Fingerprint:
    """The fingerprint of one run.

    Args:
        config: a checked configuration.
        data_fingerprint: of the data set as read, `VideoReIDData.fingerprint`.
    """
    weights = _weights_digest(config.backbone.pretrained)
    return Fingerprint(relevant_values(config), data_fingerprint, weights, code_digest(), _versions())


def relevant_values(config: Config) -> dict[str, Any]:
    """The configuration as plain JSON values, without names, paths and whatever cannot change a number."""
    values = json.loads(json.dumps(asdict(config)))
    for name in ("study", "resume", "rerun", "checkpoint_every", "tracker"):
        values.pop(name)
    for group, keys in _IRRELEVANT.items():
        for key in keys:
            values[group].pop(key)
    _count_processes(values)
    if values["hardware"]["precision"] == "O0":
        del values["hardware"]["loss_scale"], values["hardware"]["loss_scale_window"]
    if not any(level for kind, level in values["dataset"]["corruption"].items() if kind != "seed"):
        values["dataset"].pop("corruption")
    return values


def _count_processes(values: dict[str, Any]) -> None:
    """Processes that share all statistics of a batch give the numbers of one, to rounding, and count as one."""
    hardware, triplet = values["hardware"], values["loss"].get("triplet", {})
    one = hardware["processes"] == 1
    if triplet.get("gather", True) and (one or hardware["batch_norm"] == "global"):
        hardware["processes"] = 1
    if one or hardware["batch_norm"] == "global":
        del hardware["batch_norm"]
    if one or triplet.get("gather"):
        triplet.pop("gather", None)


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
            digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
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

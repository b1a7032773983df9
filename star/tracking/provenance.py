"""Provenance of a run: the code and the packages that made it."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from star import __version__

_PACKAGES = ("mindspore", "numpy", "mlflow")
_GIT_SECONDS = 5


def provenance() -> dict[str, str]:
    """Tags `git_commit`, `git_dirty` and `version.<package>`; the git ones only where star runs from a checkout."""
    return {**_checkout(Path(__file__).resolve()), **_versions()}


def _checkout(source: Path) -> dict[str, str]:
    """Nothing if git is absent or does not track `source`, as with an installed wheel inside somebody's repository."""
    if _git(source.parent, "ls-files", "--error-unmatch", source.name) is None:
        return {}
    commit = _git(source.parent, "rev-parse", "HEAD")
    changes = _git(source.parent, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return {}
    return {"git_commit": commit, "git_dirty": str(bool(changes)).lower(), "mlflow.source.git.commit": commit}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _versions() -> dict[str, str]:
    versions = {"version.star": __version__, "version.python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[f"version.{package}"] = version(package)
        except PackageNotFoundError:
            versions[f"version.{package}"] = "absent"
    return versions

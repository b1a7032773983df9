"""What the checkout may contain, and that its packaging files agree with one another."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement

FOLDERS = {"conf", "docs", "examples", "experiments", "outputs", "star", "tests", ".ci"}
FILES = {
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "constraints.txt", "pyproject.toml"),
    *("mkdocs.yml", ".gitignore", ".pre-commit-config.yaml"),
}
LARGEST_FILE = 1_000_000
MACHINE_PATH = re.compile(r"(?:^|[^\w.~/-])/(?:root|home|Users|work|tmp|mnt)/\w")
PACKAGE_INDEX = re.compile(r"index-url|find-links|--registry|https?://\S+/simple\b")


@pytest.fixture(scope="session")
def tracked(project: Path) -> list[Path]:
    """The files of the checkout, relative to it."""
    git = shutil.which("git")
    if git is None or not (project / ".git").exists():
        pytest.skip("the files of a checkout are known only with git")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=project, capture_output=True, text=True, check=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (project / name).is_file()]


@pytest.fixture(scope="session")
def metadata(project: Path) -> dict:
    """pyproject.toml."""
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    return toml.loads((project / "pyproject.toml").read_text(encoding="utf-8"))


def lines_with(pattern: re.Pattern[str], project: Path, files: list[Path]) -> list[str]:
    found = []
    for file in files:
        try:
            text = (project / file).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{file}:{i}: {line}" for i, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    return found


def test_top_level(tracked):
    assert {file.parts[0] for file in tracked if len(file.parts) > 1} == FOLDERS
    assert {file.name for file in tracked if len(file.parts) == 1} == FILES


def test_no_large_files(project, tracked):
    sizes = {str(file): (project / file).stat().st_size for file in tracked}
    assert {name: size for name, size in sizes.items() if size > LARGEST_FILE} == {}


def test_no_paths_of_a_machine(project, tracked):
    this_file = Path(__file__).relative_to(project)
    assert lines_with(MACHINE_PATH, project, [file for file in tracked if file != this_file]) == []


def test_no_addresses_of_a_package_index(project, tracked):
    this_file = Path(__file__).relative_to(project)
    assert lines_with(PACKAGE_INDEX, project, [file for file in tracked if file != this_file]) == []


@pytest.mark.parametrize("line", ["cd /root/x", 'open("/home/me/a")', "root: /work/data", "x=/tmp/a"])
def test_paths_of_a_machine_are_noticed(line):
    assert MACHINE_PATH.search(line)


@pytest.mark.parametrize("line", ["../shared/data", "outputs/tmp/a", "https://a.org/home/x", "sqlite:///<cwd>/outputs"])
def test_other_paths_are_not(line):
    assert not MACHINE_PATH.search(line)


def test_outputs_exists_and_is_ignored(project, tracked):
    assert [file for file in tracked if file.parts[0] == "outputs"] == [Path("outputs/.gitignore")]
    ignored = subprocess.run(["git", "check-ignore", "-q", "outputs/runs/x/run.log"], cwd=project)
    assert ignored.returncode == 0


def test_every_package_is_shipped(project, metadata):
    listed = metadata["tool"]["setuptools"]["packages"]
    folders = {file.parent.relative_to(project) for file in (project / "star").rglob("*.py")}
    assert sorted(listed) == sorted([".".join(folder.parts) for folder in folders] + ["star.conf"])


def test_every_command_exists(metadata):
    for target in metadata["project"]["scripts"].values():
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12"])
def test_constraints_pin_what_the_project_asks_for(project, metadata, python):
    environment = {"python_version": python, "extra": ""}
    text = (project / "constraints.txt").read_text(encoding="utf-8")
    pins: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            pin = Requirement(line)
            if pin.marker is None or pin.marker.evaluate(environment):
                assert canonical(pin.name) not in pins, f"{pin.name} has two versions"
                pins[canonical(pin.name)] = str(pin.specifier).removeprefix("==")
    extras = metadata["project"]["optional-dependencies"]
    asked = metadata["project"]["dependencies"] + [r for name in extras if name != "ray" for r in extras[name]]
    for requirement in map(Requirement, asked):
        assert pins.get(canonical(requirement.name), "") in requirement.specifier, requirement


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_make_lists_its_targets(project):
    listed = subprocess.run(["make"], cwd=project, capture_output=True, text=True, check=True).stdout
    assert all(f"make {target} " in listed for target in ("demo", "test", "lint", "docs", "ui"))


def test_make_says_which_python_it_needs(project, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    result = subprocess.run(
        ["make", "demo", "PYTHON=python2", f"VENV={tmp_path / 'environment'}"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert "error: Python 3.10, 3.11 or 3.12 is needed, tried: python2" in result.stderr


def test_ci_runs_the_tests(project):
    script = project / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")

"""The built wheel, installed into an environment of its own and used from another folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "star", "conf")

Run = Callable[..., str]


def checked(command: list[str | Path], folder: Path) -> str:
    hidden = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    result = subprocess.run(
        [str(item) for item in command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        source = project / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    checked([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist"], folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a command of an environment with the wheel and this interpreter's packages, but not with the checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    # A folder named in a .pth file is searched, its own .pth files (an editable install) are not read.
    Path(packages, "parent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python"]
    checked([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], folder)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    return lambda command, *arguments: checked([folder / "bin" / command, *arguments], elsewhere)


def test_the_wheel_holds_every_configuration_file(project, wheel):
    expected = {"star/" + file.relative_to(project).as_posix() for file in (project / "conf").rglob("*.yaml")}
    shipped = set(ZipFile(wheel).namelist())
    assert expected <= shipped
    assert {name for name in shipped if name.endswith(".yaml")} == expected


def test_the_wheel_holds_every_template(project, wheel):
    expected = {file.relative_to(project).as_posix() for file in (project / "star").rglob("*.j2")}
    assert expected and expected == {name for name in ZipFile(wheel).namelist() if name.endswith(".j2")}


def test_the_wheel_holds_every_module_and_no_test(project, wheel):
    expected = {file.relative_to(project).as_posix() for file in (project / "star").rglob("*.py")}
    modules = {name for name in ZipFile(wheel).namelist() if name.endswith(".py")}
    assert modules == expected | {"star/conf/__init__.py"}


def test_the_installed_package_is_not_the_checkout(project, run):
    folder = run("python", "-c", "import star; print(star.__file__)").strip()
    assert project not in Path(folder).parents


def test_the_configuration_is_found_from_another_folder(run):
    assert "pkg://star.conf" in run("star-train", "--info", "searchpath")


def test_the_paper_composes_from_another_folder(run):
    shown = run("star-train", "experiment=star", "dataset=hitsz_vcm", "--cfg", "job")
    assert "epochs: 130" in shown
    assert "kind: hitsz_vcm" in shown


def test_every_command_is_installed(run):
    for command in ("star-train", "star-evaluate", "star-report", "star-check", "star-skeletons"):
        assert command in run(command, "--help")

"""Why a GPU is refused: no plugin, no libraries, no driver, no device."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.cuda_driver import users_of_the_driver, write_driver

from star.config import cuda
from star.config.check import check_overrides
from star.config.cuda import DRIVER, LIBRARIES, gpu_problem
from star.dry_run.stand_in import compiler
from star.errors import ConfigError


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing is installed, nothing is kept."""
    for name in ("CUDA_HOME", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    gpu_problem.cache_clear()
    yield
    gpu_problem.cache_clear()


def installed(monkeypatch: pytest.MonkeyPatch, folder: Path, **files: tuple[str, ...]) -> None:
    """Packages `mindspore` and `nvidia` with libraries in their folders, by folder; the loader takes every file."""
    for name, libraries in files.items():
        (folder / name).mkdir(parents=True)
        for library in libraries:
            (folder / name / library).touch()
    wheel = folder / "mindspore" / "lib" / "plugin"
    wheel.mkdir(parents=True)
    if "plugin" in files:
        (wheel / "libmindspore_gpu.so.11.6").touch()
    packages = {"mindspore": SimpleNamespace(origin=str(folder / "mindspore" / "__init__.py"))}
    if "wheels" in files:
        (folder / "nvidia" / "cuda").mkdir(parents=True)
        (folder / "wheels").rename(folder / "nvidia" / "cuda" / "lib")
        packages["nvidia"] = SimpleNamespace(submodule_search_locations=[str(folder / "nvidia")])
    monkeypatch.setattr(cuda, "find_spec", packages.get)
    system = {DRIVER} if "driver" in files else set()
    monkeypatch.setattr(cuda, "_loads", lambda library: Path(library).is_file() or library in system)


def refusal() -> str:
    with pytest.raises(ConfigError) as error:
        check_overrides(["dataset=synthetic", "experiment=baseline", "hardware=gpu"])
    (problem,) = error.value.problems
    assert (problem.key, problem.given) == ("hardware.target", "GPU")
    return problem.expected


def test_no_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    installed(monkeypatch, tmp_path, wheels=LIBRARIES, driver=())
    assert refusal() == (
        "CPU: the installed MindSpore has no GPU plugin (its wheels for Linux on x86_64 have one)"
    )  # fmt: skip


def test_no_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    installed(monkeypatch, tmp_path, plugin=(), driver=())
    assert refusal() == "CPU: CUDA 11 and cuDNN 8 are not installed here: pip install -e '.[gpu]'"


def test_some_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    installed(monkeypatch, tmp_path, plugin=(), wheels=tuple(set(LIBRARIES) - {"libcudnn.so.8"}), driver=())
    assert "are not installed here completely, libcudnn.so.8 is missing: pip install" in refusal()


def test_no_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    installed(monkeypatch, tmp_path, plugin=(), wheels=LIBRARIES)
    assert refusal() == "CPU: this machine has no NVIDIA driver (libcuda.so.1)"


def test_nothing_is_wrong_and_mindspore_finds_a_version_it_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    installed(monkeypatch, tmp_path, plugin=(), wheels=LIBRARIES, driver=())
    assert gpu_problem() is None
    assert os.environ["LD_LIBRARY_PATH"] == str(tmp_path / "nvidia" / "cuda" / "lib")
    said = subprocess.run([f"{os.environ['CUDA_HOME']}/bin/nvcc"], capture_output=True, text=True, check=True).stdout
    assert said == "Cuda compilation tools, release 11.6, V11.6.55\n"


@pytest.mark.parametrize("release, stays", [("11.6", True), ("11.1", True), ("11.8", False)])
def test_an_installation_of_ones_own_comes_first(
    release: str, stays: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    installed(monkeypatch, tmp_path, plugin=(), wheels=LIBRARIES, driver=(), lib64=LIBRARIES, bin=("nvcc",))
    (tmp_path / "bin" / "nvcc").write_text(
        f"#!/bin/sh\necho 'Cuda compilation tools, release {release}, V{release}.1'\n"
    )
    (tmp_path / "bin" / "nvcc").chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    assert gpu_problem() is None
    assert os.environ["LD_LIBRARY_PATH"] == str(tmp_path / "lib64")
    assert (os.environ["CUDA_HOME"] == str(tmp_path)) is stays


@pytest.mark.skipif(find_spec("nvidia") is None, reason="the extra gpu (3 GB) is not installed")
@pytest.mark.skipif(compiler() is None, reason="the stand-in for the driver takes a compiler")
def test_the_plugin_loads_up_to_the_missing_device(tmp_path: Path):
    write_driver(tmp_path, users_of_the_driver(), str(compiler()))
    environment = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "STAR_OUTPUTS": str(tmp_path), "CUDA_HOME": ""}
    command = [sys.executable, "-c", "from star.cli.train import train; train()", "experiment=baseline", "size=cpu"]
    done = subprocess.run(
        [*command, "hardware=gpu", "tracker=none"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "hardware.target=GPU" in done.stderr and "no CUDA-capable device is detected" in done.stderr
    assert "Please confirm that the path of cuda" not in done.stderr

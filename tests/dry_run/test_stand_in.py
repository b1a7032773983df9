"""The stand-ins for CANN: where they are made, what takes their place, what is said without a compiler."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from star.dry_run import cann, stand_in
from star.dry_run.cann import find_cann
from star.dry_run.errors import DryRunError

needs_compiler = pytest.mark.skipif(stand_in.compiler() is None, reason="the stand-ins take a C++ compiler")


@needs_compiler
def test_they_have_what_the_backend_looks_for(tmp_path: Path):
    subprocess.run([sys.executable, "-m", "star.dry_run.stand_in", str(tmp_path)], check=True)
    libraries = tmp_path / stand_in.LIBRARIES
    assert {"libascendcl.so", "libopapi.so", "libhccl.so", "libge_runner.so"} <= {p.name for p in libraries.iterdir()}
    assert {path.suffix for path in libraries.iterdir()} == {".so"}
    functions = {line.split()[-1] for line in _defined(libraries / "libopapi.so")}
    assert {"aclnnAdd", "aclnnAddGetWorkspaceSize", "aclnnInit"} <= functions
    assert (tmp_path / stand_in.PACKAGES / "hccl" / "__init__.py").exists()


@needs_compiler
def test_what_is_preloaded_takes_the_place_of_a_function_of_the_simulation():
    wheel, preloaded = find_spec("mindspore"), find_cann().preloaded
    assert wheel and wheel.origin and preloaded
    simulation = Path(wheel.origin).parent / "lib/plugin/ascend/libmindspore_ascend_res_manager.so"
    both = [{line.split()[-1] for line in _defined(library)} for library in (preloaded, simulation)]
    (name,) = set.intersection(*both)
    assert "SimuFuncIaclrtProcessReport" in name


def _defined(library: Path) -> list[str]:
    listed = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


@needs_compiler
def test_they_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(stand_in, "build_stand_in", lambda folder: made.append(folder.mkdir()))
    assert stand_in.stand_in() == stand_in.stand_in()
    assert len(made) == 1
    assert [path.name.startswith("cann-stand-in-") for path in (tmp_path / "star").iterdir()] == [True]


def test_without_a_compiler_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DryRunError, match=r"^the stand-ins for CANN take a C\+\+ compiler .*apt install g\+\+\)$"):
        stand_in.stand_in()
    assert list((tmp_path / "star").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "star").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DryRunError, match=f"cannot be written to {tmp_path}/star"):
        stand_in.stand_in()


@pytest.mark.parametrize("variable", ["ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME"])
def test_cann_itself_is_taken_where_it_is(variable: str, tmp_path: Path):
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64" / "libascendcl.so").touch()
    found = find_cann({variable: str(tmp_path)})
    assert found == (f"CANN in {tmp_path}", tmp_path / "lib64", None, None)


def test_its_libraries_come_before_those_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/elsewhere")
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    monkeypatch.setattr(sys, "path", ["/own", ""])
    monkeypatch.chdir(tmp_path)
    found = cann.Cann("stand-ins", tmp_path / "libraries", tmp_path / "packages", tmp_path / "pause").environment()
    assert found["LD_LIBRARY_PATH"] == f"{tmp_path}/libraries:/elsewhere"
    assert found["PYTHONPATH"] == f"{tmp_path}/packages:/own:{tmp_path}"
    assert found["LD_PRELOAD"] == f"{tmp_path}/pause"

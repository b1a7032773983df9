import re
import subprocess
from pathlib import Path

from star.tracking import provenance


def _repository(folder: Path) -> Path:
    source = folder / "module.py"
    source.write_text("a = 1\n")
    for command in (["init", "-q"], ["add", "module.py"], ["commit", "-q", "-m", "first"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", str(folder), *identity, *command], check=True)
    return source


def test_a_clean_and_a_changed_checkout(tmp_path: Path):
    source = _repository(tmp_path)
    clean = provenance._checkout(source)
    assert re.fullmatch("[0-9a-f]{40}", clean["git_commit"])
    assert clean["git_dirty"] == "false"
    source.write_text("a = 2\n")
    assert provenance._checkout(source) == {**clean, "git_dirty": "true"}


def test_an_untracked_file_is_not_of_that_repository(tmp_path: Path):
    _repository(tmp_path)
    installed = tmp_path / "site-packages.py"
    installed.write_text("")
    assert provenance._checkout(installed) == {}


def test_without_git_only_versions_are_left(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = provenance.provenance()
    assert "git_commit" not in found
    assert re.match(r"\d+\.\d+", found["version.numpy"])
    assert set(found) == {"version.star", "version.python", "version.mindspore", "version.numpy", "version.mlflow"}

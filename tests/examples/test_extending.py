"""What docs/extending.md shows is what happens, and its code is that of the example."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from support.pages import blocks_of, commands_of, console_of, is_shown_as, said_by_check, write_files
from yaml import safe_load

from star.config.check import check_overrides
from star.config.command_line import prepare_command_line
from star.config.folders import take_config_folders
from star.study.checked_study import check_study
from star.study.study import load_study

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLE = PROJECT / "examples" / "own_parts"
FIRST_SECTION = "A loss of your own in ten minutes"


BLOCKS = blocks_of("extending.md")
CONSOLE = console_of(BLOCKS)
COMMANDS = commands_of(BLOCKS)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder a section's commands are called in: one with the files it writes, or that of the example."""
    folder = EXAMPLE
    if request.param == FIRST_SECTION:
        folder = tmp_path
        write_files([block for block in BLOCKS if block.section == FIRST_SECTION], folder)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("STAR_CONFIG_DIR", "")
    return folder


def code_of(text: str) -> str:
    """Python code without docstrings and comments."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            del node.body[0]
    return ast.unparse(tree)


def test_there_is_something_to_compare():
    assert len(CONSOLE) >= 5 and len(COMMANDS) >= 8
    assert {"my_losses.py", "conf/loss/smooth.yaml"} <= {block.file for block in BLOCKS}


@pytest.mark.parametrize(("place", "words", "output"), CONSOLE, indirect=["place"])
def test_the_shown_output_is_the_real_one(place: Path, words: list[str], output: str):
    found = said_by_check(words)
    assert is_shown_as(found, output), found


@pytest.mark.parametrize(("place", "words"), [call[:2] for call in COMMANDS], indirect=["place"])
def test_the_commands_are_valid(place: Path, words: list[str]):
    program, *arguments = words
    rest = take_config_folders(arguments)
    if program == "star-train":
        assert prepare_command_line(rest)
    elif program == "star-check":
        check_overrides([text for text in rest if not text.startswith("--")])
    elif program in ("star-study", "star-report") and "--runs" not in rest:
        size = rest[rest.index("--size") + 1]
        check_study(load_study(place / "study", size), [])


@pytest.mark.parametrize("text", [b.text for b in BLOCKS if b.language == "python" and not b.file])
def test_the_classes_are_those_of_the_example(text: str):
    """Methods that the page leaves out are passed over."""
    (shown_class,) = ast.parse(code_of(text)).body
    assert isinstance(shown_class, ast.ClassDef)
    modules = [ast.parse(code_of(path.read_text())) for path in (EXAMPLE / "own_parts").glob("*.py")]
    (real,) = [n for m in modules for n in m.body if isinstance(n, ast.ClassDef) and n.name == shown_class.name]
    statements = [ast.unparse(statement) for statement in real.body]
    for statement in shown_class.body:
        assert ast.unparse(statement) in statements


def test_experiment_and_study_are_those_of_the_example():
    shown_yaml = [safe_load(block.text) for block in BLOCKS if block.language == "yaml"]
    assert safe_load((EXAMPLE / "conf" / "experiment" / "own_method.yaml").read_text()) in shown_yaml
    study = safe_load((EXAMPLE / "study" / "study.yaml").read_text())
    assert any(set(y) == {"config_dir", "rows"} and y.items() <= study.items() for y in shown_yaml)

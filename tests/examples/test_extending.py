"""What docs/extending.md shows is what happens, and its code is that of the example."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from yaml import safe_load

from star.config.check import check_overrides
from star.config.command_line import prepare_command_line
from star.config.folders import take_config_folders
from star.engine.describe_network import describe_network
from star.errors import ConfigError
from star.study.check import check_study
from star.study.study import load_study

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLE = PROJECT / "examples" / "own_parts"
FIRST_SECTION = "A loss of your own in ten minutes"


class Block(NamedTuple):
    """A block of code: the section it is in, the file the line before names, its language and text."""

    section: str
    file: str
    language: str
    text: str


def _blocks() -> list[Block]:
    found, section = [], ""
    text = (PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")
    pattern = r"^## (?P<section>[^\n]+)$|(?P<before>[^\n]*)\n\n```(?P<language>\w+)\n(?P<text>.*?)^```$"
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        section = match["section"] or section
        if match["language"]:
            files = re.findall(r"`([\w/]+\.\w+)`", match["before"])
            found.append(Block(section, files[-1] if files else "", match["language"], match["text"]))
    return found


BLOCKS = _blocks()
CONSOLE = [
    (block.section, *command.split("\n", 1))
    for block in BLOCKS
    if block.language == "console"
    for command in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
]
COMMANDS = [
    (block.section, words)
    for block in BLOCKS
    if block.language == "bash"
    for line in block.text.splitlines()
    if (words := shlex.split(line, comments=True)) and words[0].startswith("star-")
]


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder a section's commands are called in: one with the files it writes, or that of the example."""
    folder = EXAMPLE
    if request.param == FIRST_SECTION:
        folder = tmp_path
        for block in BLOCKS:
            if block.section == FIRST_SECTION and block.file:
                path = folder / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("STAR_CONFIG_DIR", "")
    return folder


def shown(arguments: list[str]) -> str:
    """What `star-check` says of a configuration."""
    overrides = [text for text in take_config_folders(arguments) if text != "--config-only"]
    try:
        config = check_overrides(overrides)
    except ConfigError as error:
        return f"error: {error}\n"
    return f"the configuration is valid\n\n{describe_network(config)}\n"


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


@pytest.mark.parametrize(("place", "command", "output"), CONSOLE, indirect=["place"])
def test_the_shown_output_is_the_real_one(place: Path, command: str, output: str):
    """A line of three dots stands for any lines."""
    program, *arguments = shlex.split(command)
    assert program == "star-check"
    expected = re.escape(output).replace(r"\.\.\." + "\\\n", r"(?:.*\n)*")
    found = shown(arguments)
    assert re.fullmatch(expected, found), found


@pytest.mark.parametrize(("place", "words"), COMMANDS, indirect=["place"])
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

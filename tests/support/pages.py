"""Blocks of code on a page of docs/, and what commands shown there would say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from star.config.check import check_overrides
from star.config.folders import take_config_folders
from star.engine.describe_network import describe_network
from star.errors import ConfigError

DOCS = Path(__file__).resolve().parents[2] / "docs"


class Block(NamedTuple):
    """A block of code: the section it is in, the file the line before names, its language and text."""

    section: str
    file: str
    language: str
    text: str


class Call(NamedTuple):
    """A command on a page: the section it is in, its words, and the output that is shown for it."""

    section: str
    words: list[str]
    output: str = ""


def blocks_of(page: str) -> list[Block]:
    found, section = [], ""
    text = (DOCS / page).read_text(encoding="utf-8")
    pattern = r"^## (?P<section>[^\n]+)$|(?P<before>[^\n]*)\n\n```(?P<language>\w+)\n(?P<text>.*?)^```$"
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        section = match["section"] or section
        if match["language"]:
            files = re.findall(r"`([\w/]+\.\w+)`", match["before"])
            found.append(Block(section, files[-1] if files else "", match["language"], match["text"]))
    return found


def console_of(blocks: list[Block]) -> list[Call]:
    """Commands whose output is shown."""
    return [
        Call(block.section, shlex.split(command.split("\n", 1)[0]), command.split("\n", 1)[1])
        for block in blocks
        if block.language == "console"
        for command in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    ]


def commands_of(blocks: list[Block]) -> list[Call]:
    """Commands of this project in blocks of shell code."""
    return [
        Call(block.section, words)
        for block in blocks
        if block.language == "bash"
        for line in block.text.replace("\\\n", " ").splitlines()
        if (words := shlex.split(line, comments=True)) and words[0].startswith("star-")
    ]


def write_files(blocks: list[Block], folder: Path) -> None:
    """Write the files that a page shows."""
    for block in blocks:
        if block.file and block.language in ("python", "yaml"):
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")


def said_by_check(words: list[str]) -> str:
    """What `star-check --config-only` says of a configuration."""
    program, *arguments = words
    assert program == "star-check"
    overrides = [text for text in take_config_folders(arguments) if text != "--config-only"]
    try:
        config = check_overrides(overrides)
    except ConfigError as error:
        return f"error: {error}\n"
    return f"the configuration is valid\n\n{describe_network(config)}\n"


def is_shown_as(output: str, shown: str) -> bool:
    """Whether an output is the one that is shown; there, a line of three dots stands for any lines."""
    return bool(re.fullmatch(re.escape(shown).replace(r"\.\.\." + "\\\n", r"(?:.*\n)*"), output))

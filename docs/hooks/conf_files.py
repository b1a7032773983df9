"""Configuration files as text: every key with its value and the comment that stands beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

_PACKAGE = "# @package"


class Key(NamedTuple):
    """One key of a configuration file.

    Attributes:
        path: dotted, from the top of the file.
        value: as it is written; None for a group of keys.
        comment: beside it, empty if there is none.
        above: comment in lines of its own before the key.
    """

    path: str
    value: str | None
    comment: str
    above: str


class ConfFile(NamedTuple):
    """A file of conf/.

    Attributes:
        about: the comment it begins with.
        defaults: its defaults list.
        keys: in their order, without the defaults list.
    """

    about: str
    defaults: list
    keys: list[Key]

    @property
    def parent(self) -> str | None:
        """The choice of the same group that this one changes."""
        names = [entry for entry in self.defaults if isinstance(entry, str) and entry != "_self_"]
        return names[0] if names else None

    @property
    def choices(self) -> dict[str, str]:
        """What it chooses in each group, but for what follows from other choices."""
        return {group: choice for group, choice in self._entries() if " " not in group}

    @property
    def overrides(self) -> dict[str, str]:
        """Groups in which it chooses something else than conf/train.yaml does."""
        prefix = "override /"
        return {group.removeprefix(prefix): choice for group, choice in self._entries() if group.startswith(prefix)}

    def _entries(self) -> list[tuple[str, str]]:
        return [pair for entry in self.defaults if isinstance(entry, dict) for pair in entry.items()]


def read_conf(path: Path) -> ConfFile:
    """Read a file of conf/."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    keys = list(_keys(root, "", text, lines)) if isinstance(root, yaml.MappingNode) else []
    values = yaml.safe_load(text) or {}
    about = []
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith(_PACKAGE):
            about.append(line.lstrip("# "))
    if keys and not values.get("defaults") and keys[0].above:
        keys[0] = keys[0]._replace(above="")
    return ConfFile(" ".join(about), values.get("defaults", []), [key for key in keys if key.path != "defaults"])


def _keys(node: yaml.MappingNode, prefix: str, text: str, lines: list[str]) -> Iterator[Key]:
    for name, value in node.value:
        path = f"{prefix}{name.value}"
        row = name.start_mark.line
        above = _above(lines, row)
        if isinstance(value, yaml.MappingNode) and not value.flow_style and path != "defaults":
            yield Key(path, None, _comment(lines[row][name.end_mark.column :]), above)
            yield from _keys(value, f"{path}.", text, lines)
        else:
            end = value.end_mark
            written = text[value.start_mark.index : end.index].strip()
            rest = lines[end.line][end.column :] if end.line < len(lines) and "\n" not in written else ""
            yield Key(path, written, _comment(rest), above)


def _comment(rest: str) -> str:
    match = re.search(r"(?:^|\s)#\s*(.*)$", rest)
    return match[1].strip() if match else ""


def _above(lines: list[str], row: int) -> str:
    found: list[str] = []
    while row > 0 and lines[row - 1].lstrip().startswith("#") and not lines[row - 1].startswith(_PACKAGE):
        row -= 1
        found.insert(0, lines[row].lstrip("# "))
    return " ".join(found)

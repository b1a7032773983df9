"""Sections of the configuration page: every group of conf/ with its choices, every key with default and meaning.

Values and comments are those of the YAML files. Types and bounds come from the schema, and for keys that are arguments
of a class from its constructor; where a key has no comment, the docstring says what it means.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from classes import ReadClass, attributes_of, read_class
from conf_files import ConfFile, Key, read_conf

from star.config.embed_command import EmbedConfig
from star.config.export_command import ExportConfig
from star.config.pack_command import PackConfig
from star.config.schema import Config
from star.config.search_command import SearchConfig
from star.config.skeletons_command import SkeletonsConfig
from star.config.slots import PLACES
from star.config.validate import describe

_COMMANDS = {
    "star-pack": ("pack", PackConfig),
    "star-skeletons": ("skeletons", SkeletonsConfig),
    "star-export": ("export", ExportConfig),
    "star-embed": ("embed", EmbedConfig),
    "star-search": ("search", SearchConfig),
}
"""Commands with a configuration of their own: its file, without the ending, and its schema."""
_KEPT = {
    "weight": "of the term in the sum of all",
    "on": "tensors it reads in place of those its class names: a name replaces the first, a list the first ones",
    "from_epoch": "number of epochs before the term counts",
}
"""Keys of a slot that are neither arguments of its class nor have a comment."""
_PLAINLY = {
    "branch.identity_prompts.text_channels": "width of the text encoder's tokens; null: that of the projected features",
}
"""Keys whose docstring speaks in the letters of its class."""
_LEVELS = "star.synthetic.levels.Levels"
_DOCS = Path(__file__).parents[1]
_PAGE = re.compile(r"\bdocs/(\w+)\.md\b")
_STUDY = re.compile(r"\bexperiments/(\w+)\b")


class Row(NamedTuple):
    """A line of a table of keys."""

    key: str
    default: str
    meaning: str
    accepts: str = ""


class Group(NamedTuple):
    """A group of conf/.

    Attributes:
        root: the checkout.
        name: of the group.
        usual: the choice that a command takes.
        files: choice by choice.
        schema: of the whole configuration the group is in.
    """

    root: Path
    name: str
    usual: str
    files: dict[str, ConfFile]
    schema: type


def describe_configuration(root: Path) -> str:
    """The sections of the page as Markdown."""
    conf = root / "conf"
    train = read_conf(conf / "train.yaml")
    lines = ["## The run", "", *_table([_row(Config, "", key) for key in train.keys])]
    for name, usual in train.choices.items():
        lines += _section(_group(conf, name, usual, Config))
    described = set(train.choices)
    for command, (file, schema) in _COMMANDS.items():
        own = read_conf(conf / f"{file}.yaml")
        lines += [f"## {command}", "", _text(_sentence(own.about.removeprefix(f"{command}: "))), ""]
        lines += _table([row for key in own.keys for row in _shown(key, _row(schema, "", key))])
        for name, usual in own.choices.items():
            if name not in described:
                lines += _section(_group(conf, name, usual, schema))
                described.add(name)
    return "\n".join(lines) + "\n"


def _group(conf: Path, name: str, usual: str, schema: type) -> Group:
    read = {path.stem: read_conf(path) for path in sorted((conf / name).glob("*.yaml"))}
    files = dict(sorted(read.items(), key=lambda item: (_depth(read, item[0]), item[0])))
    return Group(conf.parent, name, usual, files, schema)


def _depth(files: Mapping[str, ConfFile], choice: str) -> int:
    """How many files a choice builds on."""
    parent = files[choice].parent
    return 0 if parent is None else 1 + _depth(files, parent)


def _section(group: Group) -> Iterator[str]:
    yield from ["", f"## `{group.name}`", ""]
    if place := PLACES.get(group.name):
        yield f"`_target_` names {_text(place.kind.words)}."
        if place.kept:
            kept = ", ".join(f"`{name}`" for name in place.kept)
            yield f"Keys of every choice, whatever its class: {kept} ([{title_of('extending')}](extending.md))."
        yield ""
    yield from ['<div class="choices" markdown>', "", "| choice | what it is |", "|---|---|"]
    for choice, file in group.files.items():
        usual = " (usual)" if choice == group.usual else ""
        yield f"| `{group.name}={choice}`{usual} | {_cell(_about(group, file))} |"
    yield from ["", "</div>", ""]
    if any(file.overrides for file in group.files.values()):
        return  # the keys are those of other groups
    tables = {choice: list(_rows(group, file)) for choice, file in group.files.items()}
    tables = {choice: rows for choice, rows in tables.items() if rows}
    for choice, rows in tables.items():
        if len(tables) > 1:
            yield from [f"### `{group.name}={choice}` {{ #{group.name}-{choice} }}", ""]
        yield from _table(rows)


def _about(group: Group, file: ConfFile) -> str:
    """The comment of a choice and what it changes in others."""
    own = {key.path for key in _own_keys(group, file)} if file.parent else set()
    sets = [f"{name}={choice}" for name, choice in file.overrides.items()]
    if file.parent or sets:
        sets += [f"{key.path}={key.value}" for key in file.keys if key.value is not None and key.path not in own]
    text = [_text(file.about)] if file.about else []
    words = ", ".join(f"`{override}`" for override in sets)
    if file.parent:
        text.append(f"As `{file.parent}` with {words}." if words else f"As `{file.parent}`, and the keys below.")
    elif words:
        text.append(f"{words}.")
    return " ".join(text)


def _own_keys(group: Group, file: ConfFile) -> list[Key]:
    """The keys that no file has which this one builds on."""
    inherited: set[str] = set()
    parent = file.parent
    while parent:
        inherited |= {key.path for key in group.files[parent].keys}
        parent = group.files[parent].parent
    return [key for key in file.keys if key.path not in inherited]


def _rows(group: Group, file: ConfFile) -> Iterator[Row]:
    """The keys that a file adds to those it builds on; behind those of a class, its arguments that no file sets."""
    keys = _own_keys(group, file)
    classes = {
        parent: _class(group, parent, str(key.value))
        for key in keys
        for parent, _, name in [key.path.rpartition(".")]
        if name == "_target_" and key.value != "null"
    }
    levels = attributes_of(group.root, _LEVELS) if any(key.path.startswith("generate.") for key in keys) else {}
    for index, key in enumerate(keys):
        parent, _, name = key.path.rpartition(".")
        owner = classes.get(parent)
        row = _row(group.schema, f"{group.name}.", key)
        if owner:
            row = _explained(row, owner, name)
        elif parent == "generate":
            row = row._replace(meaning=row.meaning or levels.get(name, ""))
        yield from _shown(key, row)
        if owner and (index + 1 == len(keys) or keys[index + 1].path.rpartition(".")[0] != parent):
            yield from _arguments_left(f"{group.name}.{parent}".rstrip("."), owner, {k.path for k in keys}, parent)


def _explained(row: Row, owner: ReadClass, name: str) -> Row:
    """A row with what the class says of a key, where the file says nothing."""
    if name == "_target_":
        return row._replace(meaning=owner.about)
    if name in owner.arguments:
        argument = owner.arguments[name]
        return row._replace(meaning=row.meaning or argument.meaning, accepts=argument.accepts)
    return row._replace(meaning=row.meaning or _KEPT.get(name, ""))


def _class(group: Group, path: str, target: str) -> ReadClass:
    place = PLACES.get(f"{group.name}.{path}") or PLACES.get(group.name)
    return read_class(group.root, target, place.given if place else ())


def _arguments_left(prefix: str, owner: ReadClass, written: set[str], parent: str) -> Iterator[Row]:
    for name, argument in owner.arguments.items():
        if (f"{parent}.{name}" if parent else name) not in written and argument.default is not None:
            key = f"{prefix}.{name}"
            yield Row(key, argument.default, _PLAINLY.get(key, argument.meaning), argument.accepts)


def _row(schema: type, prefix: str, key: Key) -> Row:
    path = f"{prefix}{key.path}"
    value = "" if key.value is None else key.value
    return Row(path, "a text" if "\n" in value else value, key.comment, _accepts(schema, path))


def _shown(key: Key, row: Row) -> list[Row]:
    """The row of a key below a row for the comment above it; a group of keys without a comment has none."""
    heading = [Row("", "", f"**{key.above}**")] if key.above else []
    return heading if key.value is None and not row.meaning else [*heading, row]


def _accepts(schema: Any, path: str) -> str:
    """What the schema says of a key; nothing of groups of keys and of what is inside an open group."""
    kinds, bounds = [schema], {}
    hint, name = schema, ""
    for name in path.split("."):
        found = [fields[name] for kind in kinds if name in (fields := _fields(kind))]
        if not found:
            return ""
        hint, bounds = found[0]
        union = typing.get_origin(hint) in (typing.Union, types.UnionType)
        kinds = list(typing.get_args(hint)) if union else [hint]
    words = describe(hint, bounds)
    return "" if words.startswith("a group of keys") or name == "kind" else words


def _fields(kind: Any) -> Mapping[str, tuple[Any, Mapping[str, Any]]]:
    if not dataclasses.is_dataclass(kind):
        return {}
    hints = typing.get_type_hints(kind)
    return {f.metadata.get("key", f.name): (hints[f.name], f.metadata) for f in dataclasses.fields(kind)}


def _table(rows: list[Row]) -> list[str]:
    lines = ['<div class="keys" markdown>', "", "| key | default | meaning |", "|---|---|---|"]
    for row in rows:
        key = row.key.replace(".", ".<wbr>").replace("_", "&#95;")
        key = f"<code>{key}</code>" if key else ""
        default = f"`{row.default}`" if row.default else ""
        meaning = _text(row.meaning)
        if row.accepts and not _says(row.meaning, row.accepts):
            meaning += f" <small>{row.accepts}</small>"
        lines.append(f"| {key} | {_cell(default)} | {_cell(meaning)} |")
    return [*lines, "", "</div>", ""]


def _says(meaning: str, accepts: str) -> bool:
    """Whether a comment already names all that a key accepts."""
    options = accepts.removeprefix("one of ").removesuffix(" or null").split(", ")
    return accepts.startswith("one of ") and all(option in meaning for option in options)


def _text(comment: str) -> str:
    """A comment as Markdown, with links to the pages and studies it names."""
    escaped = comment.replace("<", "&lt;")
    escaped = _PAGE.sub(lambda match: f"[{title_of(match[1])}]({match[1]}.md)", escaped)
    return _STUDY.sub(r"[experiments/\1](../experiments/\1/README.md)", escaped)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


@cache
def title_of(page: str) -> str:
    """The heading of a page of docs/, without what comes after a colon."""
    heading = (_DOCS / f"{page}.md").read_text(encoding="utf-8").partition("\n")[0]
    return heading.lstrip("# ").partition(":")[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

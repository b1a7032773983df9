"""KEY=VALUE as typed in a shell: paths with any letters in them are values of Hydra, without quotes of Hydra's own.

Hydra has a grammar of its own for values, in which `=`, `(`, `#`, `~` or a Chinese letter is a mistake, and `a,b`,
`[a]` or `1_0` something else than a name. A file or folder that is there is meant as it is typed; so is what Hydra
cannot read. `null` and `${...}` are always what they are to Hydra.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Sweep
from hydra.errors import HydraException

_ASSIGNMENT = re.compile(r"((?:\+{0,2}|~)[A-Za-z_][\w./@:-]*)=(.+)", re.DOTALL)
_SQLITE = "sqlite:///"
_PATHS = frozenset(
    (
        *("annotations", "dir", "gallery", "model", "out", "pack", "pretrained", "query", "resume", "root", "run"),
        *("skeletons", "source", "uri"),
    )
)
"""Last names of keys that take paths: a folder called `2023` is meant there, and the number elsewhere."""
_WRITTEN = frozenset({"dir", "out", "uri"})
"""Those whose path need not be there yet."""
_TEXTS = frozenset({"resume", "run", "study"})
"""Those whose value is never a number: the first characters of a run's id may be `12345678` or `12e45678`."""
_UNREADABLE = object()


def as_typed(arguments: Iterable[str]) -> list[str]:
    """Arguments of a command in a form that Hydra reads as they were typed; what it reads so already stays.

    Args:
        arguments: `KEY=VALUE` and any others, which stay as well.
    """
    return [_readable(text) for text in arguments]


def value_of(argument: str) -> Any:
    """The value of `KEY=VALUE`: a text, number, list, ... as Hydra reads it; the text itself where that is a sweep."""
    value = _hydras(_readable(argument))
    return argument.partition("=")[2] if value is _UNREADABLE or isinstance(value, Sweep) else value


def quoted(text: str) -> str:
    """A text in the form in which Hydra reads exactly it, but for `${...}`: backslashes count only before a `'`."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + found[2].replace("'", "\\'"), text)
    return f"'{escaped}'"


def _readable(argument: str) -> str:
    parts = _ASSIGNMENT.fullmatch(argument)
    if parts is None:
        return argument
    key, text = parts.groups()
    value = _hydras(argument)
    if value in (text, None):
        return argument
    name = re.split(r"[./@]", key)[-1]
    if (name in _PATHS or not isinstance(value, (bool, int, float))) and _is_there(text, written=name in _WRITTEN):
        return f"{key}={quoted(_without_home(text))}"
    if name in _TEXTS and (isinstance(value, (bool, int, float)) or _is_list_of_values(value)):
        return f"{key}={','.join(map(quoted, _split(text)))}"
    if value is not _UNREADABLE:
        return argument
    if text[0] + text[-1] == "[]":
        return f"{key}=[{_joined(text[1:-1])}]"
    items = _split(text)
    if len(items) > 1 and all(_is_there(item, written=False) or _item(item) == item for item in items):
        return f"{key}={_joined(text)}"
    return f"{key}={quoted(_without_home(text))}"


def _hydras(argument: str) -> Any:
    """What Hydra makes of it."""
    try:
        return OverridesParser.create().parse_override(argument).value()
    except HydraException:
        return _UNREADABLE


def _is_list_of_values(value: Any) -> bool:
    """Whether it is a sweep like `1,2`; one of words stays as it is."""
    return isinstance(value, ChoiceSweep) and value.simple_form and not all(isinstance(v, str) for v in value.list)


def _is_there(text: str, *, written: bool) -> bool:
    path = Path(_without_home(text.removeprefix(_SQLITE)))
    try:
        return path.exists() or (written and "/" in text and path.parent.is_dir())
    except (OSError, ValueError):  # too long a name, a null byte
        return False


def _without_home(text: str) -> str:
    """A path without `~` in front, which is a home or the name of a file."""
    if not text.startswith("~"):
        return text
    try:
        return f"./{text}" if Path(text).exists() else str(Path(text).expanduser())
    except RuntimeError:  # a user there is not
        return f"./{text}"


def _joined(text: str) -> str:
    return ",".join(map(_item, _split(text)))


def _item(text: str) -> str:
    """One of several values, by itself."""
    return _readable(f"source={text}").removeprefix("source=")


def _split(text: str) -> list[str]:
    """Parts between commas that no quotation marks hold."""
    return [part.strip() for part in re.findall(r"""(?:'[^']*'|"[^"]*"|[^,])+""", text)]

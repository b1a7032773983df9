"""The part or loss term in whose code something failed, found by file and line."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from star.errors import PartError

Place = tuple[str, int]
"""File and line of a call; of several, the outermost first."""
_BROKEN_CONTRACT = re.compile(r"\S+: its construct does not [^\n]+")
"""What network and losses say of a part that gives something else than they expect."""
_PLACE = re.compile(r"(?m)^\s*(?:# ?\d* ?)?In file ([^\n]+?):(\d+)")


def all_parts(model: Any, losses: Any) -> dict[str, object]:
    """Parts of a network and loss terms, by the names that their keys of the configuration end in."""
    terms = zip(losses.names, losses.terms, strict=True)
    return {**model.parts, **{f"loss.{name}": term for name, term in terms}}


def places_in(text: str) -> list[Place]:
    """Where in the code a node of a dumped graph, or an error of the compiler, comes from."""
    return [(file.strip(), int(line)) for file, line in _PLACE.findall(text)]


def parts_at(parts: Mapping[str, object], places: Sequence[Place]) -> list[str]:
    """The parts whose code the first of these places is in that is in any; several if they are of one class."""
    for place in places:
        if found := [name for name, part in parts.items() if _has(part, *place)]:
            return found
    return []


def part_error(error: BaseException, parts: Mapping[str, object]) -> PartError | None:
    """An error of one sentence that names the part, None where no part is to blame.

    Args:
        error: raised when a network was called, compiled or not.
        parts: by name.
    """
    if told := _BROKEN_CONTRACT.search(str(error)):
        return PartError(told[0].strip("'"))
    called = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno or 0) for frame in called] + places_in(str(error))
    names = parts_at(parts, places)
    if not names:
        return None
    file, line = next(place for place in reversed(places) if parts_at(parts, [place]))
    return PartError(f"{' or '.join(names)} failed in {file}, line {line}: {reason_of(error)}")


def reason_of(error: BaseException) -> str:
    """What an error of MindSpore says before the listings behind it."""
    return f"{type(error).__name__}: {str(error).split(chr(10) + '---', 1)[0].strip()}"


def _has(part: object, file: str, line: int) -> bool:
    """Whether the code of a part's class, or of one it is derived from, has this line."""
    for each in type(part).__mro__:
        if each.__module__.partition(".")[0] in ("mindspore", "builtins"):
            continue
        try:
            lines, first = inspect.getsourcelines(each)
            own = inspect.getsourcefile(each)
        except (OSError, TypeError):
            continue
        if own is not None and Path(own) == Path(file) and first <= line < first + len(lines):
            return True
    return False

"""The objects that the `_target_`s of a configuration name, and the source they depend on."""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import textwrap
import traceback
import types
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from star.errors import ConfigError, Problem

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_NO_SOURCE = _INSTALLED | {"__pycache__"}


class _NotFoundError(Exception):
    """A name its module does not have; the message says what was expected."""


def locate(target: Any, key: str, problems: list[Problem]) -> Any:
    """Import what a `_target_` names; nothing is called.

    Args:
        target: as in the configuration, e.g. "package.module.Class"; a nested class by its full name.
        key: dotted key of the node that holds `_target_`.
        problems: extended in place, by one at most.

    Returns:
        The class or function, or None with a problem.
    """
    if not isinstance(target, str) or "." not in target or not all(map(str.isidentifier, target.split("."))):
        given = "null" if target is None else repr(target)
        problems.append(Problem(f"{key}._target_", given, "a class by its full name, e.g. star.losses.Identity"))
        return None
    try:
        return _import(target)
    except KeyboardInterrupt:
        raise
    except _NotFoundError as error:
        expected = str(error)
    except BaseException as error:  # a user's module may do anything while it is imported, sys.exit() too
        expected = f"a class that can be imported; {_message(error)}{_place(error, target.partition('.')[0])}"
        if isinstance(error, ModuleNotFoundError) and error.name == target.partition(".")[0]:
            expected += f": is {error.name} installed here (pip install -e FOLDER), or its folder in PYTHONPATH?"
    problems.append(Problem(f"{key}._target_", target, expected))
    return None


def _import(target: str) -> Any:
    parts = target.split(".")
    found, depth = _innermost_module(parts)
    for position, name in enumerate(parts[depth:], depth):
        try:
            found = getattr(found, name)
        except AttributeError:
            if name in _submodules(found):
                raise _NotFoundError(f"a class: {'.'.join(parts[: position + 1])} is a module") from None
            raise _NotFoundError(f"a name in {'.'.join(parts[:position])}{_close(name, found)}") from None
    if isinstance(found, types.ModuleType):
        raise _NotFoundError(f"a class: {target} is a module")
    return found


def _innermost_module(parts: list[str]) -> tuple[types.ModuleType, int]:
    """The last module along the dotted name, and how many parts name it; the last part is never taken for a module."""
    module = importlib.import_module(parts[0])
    for depth in range(2, len(parts)):
        name = ".".join(parts[:depth])
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            return module, depth - 1
    return module, len(parts) - 1


def _close(name: str, holder: Any) -> str:
    members = getattr(holder, "__dict__", {}).items()
    known = {member for member, value in members if inspect.isclass(value) or inspect.isfunction(value)}
    public = sorted(member for member in known | _submodules(holder) if not member.startswith("_"))
    close = difflib.get_close_matches(name, public)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def _submodules(holder: Any) -> set[str]:
    return {module.name for module in pkgutil.iter_modules(getattr(holder, "__path__", None) or [])}


def _message(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    return textwrap.shorten(traceback.format_exception_only(type(error), error)[0], 300, placeholder=" ...")


def _place(error: BaseException, package: str) -> str:
    """File and line in the user's code that led to `error`: in `package`, or in another that is not installed."""
    if isinstance(error, SyntaxError) and error.filename and os.path.isfile(error.filename):
        places = [(error.filename, error.lineno)]
    else:
        frames = traceback.walk_tb(error.__traceback__)
        places = [(f.f_code.co_filename, line) for f, line in frames if _is_user_code(f, package)]
    if not places:
        return ""
    file, line = places[-1]
    return f" ({file}, line {line})" if line else f" ({file})"


def _is_user_code(frame: types.FrameType, package: str) -> bool:
    file, module = frame.f_code.co_filename, str(frame.f_globals.get("__name__")).partition(".")[0]
    if not os.path.isfile(file):
        return False
    return module == package or (_may_be_own(module) and not _is_installed(Path(file)))


def sources_of(targets: Iterable[str]) -> dict[str, str]:
    """A hash of the source behind targets outside `star`: of their packages and of the user's own ones these import.

    The top-level package or module of a target counts wherever it is; one it imports, if it is neither Python's nor
    installed into a site-packages folder. Only import statements are followed, and only those of code that is not
    installed itself: the names an installed package imports would be looked for in the folder one happens to be in.
    Hidden files, hidden folders and virtual environments inside a package do not count. What has no source file
    (`builtins`) is left out.

    Args:
        targets: dotted names, as `_target_` gives them.

    Returns:
        Top-level name -> 16 hexadecimal digits over the relative paths and contents of its files.

    Raises:
        ConfigError: a target's package cannot be found, or a file cannot be read.
    """
    tops = sorted({target.partition(".")[0] for target in targets} - {"star"})
    importlib.invalidate_caches()
    waiting = deque((name, _locations_of_target(name)) for name in tops)
    found: dict[str, str] = {}
    while waiting:
        name, locations = waiting.popleft()
        if name in found or not locations:
            continue
        try:
            found[name], imported = _digest(locations)
        except OSError as error:
            expected = f"a readable file of the package {name} ({error.strerror})"
            raise ConfigError([Problem("fingerprint", str(error.filename), expected)]) from error
        waiting.extend((other, _own_locations(other)) for other in sorted(imported))
    return dict(sorted(found.items()))


def _locations_of_target(name: str) -> list[Path]:
    locations = _locations(name)
    if locations is None:
        raise ConfigError([Problem("fingerprint", name, "a package or module that can be found")])
    return locations


def _own_locations(name: str) -> list[Path]:
    if not _may_be_own(name):
        return []
    return [location for location in _locations(name) or [] if not _is_installed(location)]


def _may_be_own(name: str) -> bool:
    return name != "star" and name not in sys.stdlib_module_names


def _is_installed(path: Path) -> bool:
    return not _INSTALLED.isdisjoint(path.parts)


def _locations(name: str) -> list[Path] | None:
    """The folders of a package or the file of a module; none for what has no file, None if it cannot be found."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations is None:
        return [Path(spec.origin)] if spec.has_location and spec.origin else []
    # Editable installs put a name that is no folder among those of a namespace package.
    return [Path(folder) for folder in spec.submodule_search_locations if os.path.isabs(folder)]


def _digest(locations: list[Path]) -> tuple[str, set[str]]:
    """The hash of all files, and the top-level names that those of them import which are not installed."""
    digest, imported = hashlib.sha256(), set()
    files = [file for location in locations for file in _files(location)]
    for relative, path in sorted(files, key=lambda file: file[0]):
        content = path.read_bytes()
        digest.update(os.fsencode(relative) + b"\0" + content)
        if not _is_installed(path):
            imported |= _imports(content)
    return digest.hexdigest()[:16], imported


def _files(location: Path) -> Iterator[tuple[str, Path]]:
    return _walk(location, location, frozenset()) if location.is_dir() else iter([(location.name, location)])


def _walk(folder: Path, root: Path, above: frozenset[str]) -> Iterator[tuple[str, Path]]:
    """All Python files below `folder` with their paths from `root`; links are followed, but not in circles."""
    here = os.path.realpath(folder)
    if here in above:
        return
    for path in [path for path in folder.iterdir() if not path.name.startswith(".")]:
        if path.is_dir():
            if path.name not in _NO_SOURCE:
                yield from _walk(path, root, above | {here})
        elif path.suffix == ".py":
            yield path.relative_to(root).as_posix(), path


def _imports(source: bytes) -> set[str]:
    """Top-level names of the absolute imports anywhere in a file; none if it is not Python of this version."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names

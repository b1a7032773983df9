"""Text and JSON files that people write, in the encodings that editors and programs of all systems give them.

UTF-8 with or without a byte-order mark, UTF-16 and UTF-32 with one, and GB18030 (with GBK and GB2312 in it, what
Windows writes in China) where the bytes are no UTF-8. Line ends are those of any system.
"""

from __future__ import annotations

import codecs
import json
from typing import Any, Protocol

from star.errors import DataError

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    b"\x84\x31\x95\x33": "gb18030",
}
"""Encodings by byte-order mark; the marks of UTF-32 stand first, as they begin like those of UTF-16."""

_SHOWN = 60  # characters of a value

_NAMES = {"utf-8": "UTF-8", "gb18030": "GB18030"}


class _File(Protocol):
    def read_bytes(self) -> bytes: ...


def read_text(path: _File) -> str:
    r"""The text of a file, its lines ended by `\n`.

    Args:
        path: on disk or in a pack.

    Raises:
        OSError: the file cannot be read.
        DataError: it is not text; names file and byte.
    """
    text = _decode(path.read_bytes(), str(path))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_json(text: str, name: object, *, each_once: bool = False) -> Any:
    """The value a JSON text stands for.

    Args:
        text: as `read_text` gives it.
        name: of the file, for messages.
        each_once: refuse a key that an object has twice, instead of taking the last.

    Raises:
        DataError: it is empty or no JSON, or has a key twice; names file and line, or file and key.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            again = next(place for place, key in enumerate(keys) if key in keys[:place])
            value = json.dumps(pairs[again][1], ensure_ascii=False)
            raise DataError(
                f'{name}: the key "{keys[again]}" is twice in one object, the second time with {value[:_SHOWN]}'
                f"{' ...' if len(value) > _SHOWN else ''}; expected each key once"
            )
        return found

    if not text.strip():
        raise DataError(f"{name} is empty, expected JSON")
    try:
        return json.loads(text, object_pairs_hook=members if each_once else None)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{name} is not complete JSON ({place}: {error.msg}); make or copy it again") from error
    except ValueError as error:  # of a number of thousands of digits
        raise DataError(f"{name} is not JSON this program can read: {error}") from error
    except RecursionError as error:
        raise DataError(f"{name} is not JSON this program can read: its lists are too deep") from error


def _decode(data: bytes, name: str) -> str:
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return _strictly(data[len(mark) :], name, (encoding,), len(mark))
    if (zero := data.find(0)) >= 0:
        raise DataError(f"{name} is not text: byte {zero} is zero; expected text, saved as UTF-8")
    return _strictly(data, name, ("utf-8", "gb18030"))


def _strictly(data: bytes, name: str, encodings: tuple[str, ...], skipped: int = 0) -> str:
    """The text in the first encoding that fits."""
    reasons = []
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            reasons.append(f"byte {error.start + skipped} is no {_NAMES.get(encoding, encoding.upper())}")
    raise DataError(f"{name} is not text that can be read: {' and '.join(reasons)}; save it as UTF-8")

"""Names and values in the form that MLflow accepts."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

logger = logging.getLogger(__name__)

LARGEST_PARAMS = 60
LONGEST_PARAM = 500
LONGEST_TAG = 5000
WORKED_TAG = "seconds_worked"
"""Of a run of several processes: what they have worked together."""
_LONGEST_NAME = 250


@cache
def clean_name(name: str) -> str:
    """A name MLflow takes for a param, metric or tag: letters, digits and `_ - . / :` or blank, else `_`."""
    cleaned = re.sub(r"[^/\w.\- :]", "_", name)
    parts = [part for part in cleaned.split("/") if part not in ("", ".", "..")]
    return "/".join(parts)[:_LONGEST_NAME] or "_"


def cut(value: object, longest: int) -> str:
    """The text of a value; a longer one ends with a mark that says how long it was."""
    text = str(value)
    if len(text) <= longest:
        return text
    mark = f" ... [cut, {len(text)} characters]"
    return text[: longest - len(mark)] + mark


def clean_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Params for MLflow: nested mappings become dotted names, at most 60 are kept, in the given order."""
    cleaned: dict[str, str] = {}
    for name, value in _flat(params):
        key = clean_name(name)
        while key in cleaned:
            key += "_"
        cleaned[key] = cut(value, LONGEST_PARAM)
    left_out = list(cleaned)[LARGEST_PARAMS:]
    if left_out:
        logger.info("the tracker keeps %d params; only in the config: %s", LARGEST_PARAMS, ", ".join(left_out))
    return {key: cleaned[key] for key in list(cleaned)[:LARGEST_PARAMS]}


def clean_tags(tags: Mapping[str, object]) -> dict[str, str]:
    """Tags for MLflow: names cleaned, values as text, long ones cut."""
    return {clean_name(name): cut(value, LONGEST_TAG) for name, value in tags.items()}


def _flat(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in params.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value

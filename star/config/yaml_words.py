"""Words that YAML reads as something else than they look like: `no`, `010`, `1_0`, `1:30`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

_BOOLEAN = "tag:yaml.org,2002:bool"
_PLAIN = {
    _BOOLEAN: re.compile(r"true|false", re.IGNORECASE),
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(0|[1-9]\d*)"),
    "tag:yaml.org,2002:float": re.compile(r"[^_:]*"),
}
"""What is read as it looks, by type."""


def misread_words(text: str, *, booleans: bool = True) -> Iterator[str]:
    """Where a file has such words without quotes, and what YAML makes of them.

    Args:
        text: of the file.
        booleans: also `yes`, `no`, `on` and `off`; a schema that knows where true and false belong need not ask.

    Raises:
        YAMLError: it is no YAML.
    """
    document = yaml.compose(text, yaml.SafeLoader)
    for node in _scalars(document) if document is not None else ():
        plain = _PLAIN.get(node.tag) if node.style is None else None
        if node.tag == _BOOLEAN and not booleans:
            continue
        if plain is not None and not plain.fullmatch(node.value):
            value = yaml.safe_load(node.value)
            yield (
                f"line {node.start_mark.line + 1}: given {node.value}, which YAML reads as {str(value).lower()}, "
                f"expected '{node.value}' in quotes, or {str(value).lower()}"
            )


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for part in pair:
                yield from _scalars(part)
    elif isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from _scalars(part)

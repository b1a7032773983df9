"""The messages that docs/troubleshooting.md quotes are messages of the code, so that a search finds them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def said(project: Path) -> str:
    """All texts of the package but its documentation, one a line; what is put in when it runs is `...`."""
    texts = []
    for path in (project / "star").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in documentation:
                continue
            if isinstance(node, ast.JoinedStr):
                texts.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"%[sdg]", "...", node.value))
    return "\n".join(" ".join(text.split()) for text in texts)


def test_quoted_messages_are_said(project: Path, said: str):
    page = (project / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = [" ".join(text.split()) for text in re.findall(r'"([^"]+)"', page)]
    assert len(quoted) > 60
    unknown = [text for text in quoted for part in text.split("...") if part.strip(" ,;:.") not in said]
    assert not unknown

"""Random numbers of NumPy or Python in the forward pass of a part, which a compiled step draws once for all steps."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

_SOURCES = ("random", "numpy.random", "numpy.random.mtrand")


def random_call(part: type) -> str | None:
    """The first call in `construct` that draws from NumPy's or Python's own generator, as it is written there.

    Only names that the module of the part knows are followed; what cannot be read has none.
    """
    construct: Any = getattr(part, "construct", None)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(construct)))
    except (OSError, TypeError, SyntaxError):
        return None
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return next((ast.unparse(call) for call in calls if _draws(call, construct.__globals__)), None)


def _draws(call: ast.expr, known: dict[str, Any]) -> bool:
    names: list[str] = []
    while isinstance(call, ast.Attribute):
        names.append(call.attr)
        call = call.value
    if not isinstance(call, ast.Name):
        return False
    found = known.get(call.id)
    for name in reversed(names):
        found = getattr(found, name, None)
    return type(getattr(found, "__self__", None)).__module__ in _SOURCES

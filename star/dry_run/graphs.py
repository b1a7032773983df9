"""Facts about a graph compiled in a simulation: its kernels, operators without one on Ascend, open shapes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from star.engine.failed_part import Place, places_in

KINDS = {
    "opapi_kernel": "aclnn",
    "acl_kernel": "aclop",
    "rt_kernel": "runtime",
    "hccl_kernel": "hccl",
    "aicpu_kernel": "aicpu",
    "host_kernel": "host",
}
"""MindSpore's kinds of kernels on Ascend by the names in its log."""
HOST = "host"

_KERNEL = re.compile(r"kernel opname:(\w+), kernel type:(\w+)")
_BACKOFF = re.compile(r"rebuild kernel on CPU successfully for node: (?:\S*/)?(\w+?)(?:-op\d+)?[,\s]")
_NODE = re.compile(r"  %\d+\([^)]*\) = (?:PrimFunc_)?(\w+)\(")
_OPEN = re.compile(r"\((?:\d+, )*-\d[^)]*\)")
_ON_CPU = 'primitive_target: "CPU"'


class Graph(NamedTuple):
    """One graph of a job.

    Attributes:
        name: e.g. "training step".
        seconds: of the first call, which compiles.
        peak: bytes that MindSpore's planner needs at once, without fragments.
        kernels: number by kind and operator; each is built once for equal inputs.
        host: operators that have no kernel on Ascend, each with the parts that call it.
        open_shapes: shapes that are not known when the graph is compiled.
        recompiled: whether a second call with the same shapes compiled again.
        error: what MindSpore said instead, in its first lines; "" if the graph compiles.
        parts: of the network or the losses that the error came from, if that is known.
    """

    name: str
    seconds: float = 0.0
    peak: int = 0
    kernels: dict[str, dict[str, int]] = {}
    host: list[tuple[str, list[str]]] = []
    open_shapes: list[str] = []
    recompiled: bool = False
    error: str = ""
    parts: list[str] = []


def kernels_in(log: str) -> dict[str, dict[str, int]]:
    """Kernels that a log says were built: number by kind and operator."""
    found: dict[str, Counter[str]] = {}
    for operator, kind in _KERNEL.findall(log):
        found.setdefault(KINDS.get(kind) or kind, Counter())[operator] += 1
    for operator in _BACKOFF.findall(log):
        found.setdefault(HOST, Counter())[operator] += 1
    return {kind: dict(counts) for kind, counts in found.items()}


def nodes_on_host(dump: str, parts_of: Callable[[Sequence[Place]], list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Operators of a dumped graph that have no kernel on Ascend, and the parts they belong to."""
    for node, text in _nodes(dump.splitlines()):
        if _ON_CPU in text:
            yield node, parts_of(places_in(text))


def open_shapes_in(dump: str) -> list[str]:
    """Shapes of a dumped graph with sizes that only running it would tell."""
    lines = (line for line in dump.splitlines() if line.lstrip().startswith(": "))
    return sorted({shape for line in lines for shape in _OPEN.findall(line)})


def _nodes(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    name, text = "", []
    for line in lines:
        start = _NODE.match(line)
        if start or line.startswith("}"):
            if name:
                yield name, "\n".join(text)
            name, text = (start[1] if start else ""), []
        text.append(line)

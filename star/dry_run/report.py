"""The report of a dry run, as `star-check --dry-run` prints it."""

from __future__ import annotations

from collections.abc import Iterable

from star.dry_run.command import DryRun
from star.dry_run.graphs import Graph

DEVICES = (32, 64)
"""GB of an Ascend 910, of a 910B."""
_GIGABYTE = 2**30
_SHOWN = 10


def as_text(found: DryRun, kernels: bool = False) -> str:
    """The report of a dry run.

    Args:
        found: by it.
        kernels: whether to list the kernels.
    """
    which = f", process {found.rank} of {found.processes}" if found.processes > 1 else ""
    lines = [
        f"compiled for Ascend in MindSpore's simulation with {found.cann}{which}, {found.identities} identities", "",
        *_table(found.graphs), "",
        _memory(found),
    ]  # fmt: skip
    lines += [line for graph in found.graphs for line in _troubles(graph)]
    if kernels:
        lines += ["", *_kernels(found.graphs)]
    return "\n".join(lines)


def _table(graphs: Iterable[Graph]) -> list[str]:
    rows = [("graph", "compiled in", "memory", "kernels")]
    for graph in graphs:
        counts = {kind: sum(operators.values()) for kind, operators in graph.kernels.items()}
        text = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items(), key=lambda each: -each[1]))
        time = f"{graph.seconds:.1f} s" if graph.seconds else "not"
        rows.append((graph.name, time, gigabytes(graph.peak), text))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _memory(found: DryRun) -> str:
    if not found.peak:
        return "peak memory: not known, no graph compiles"
    pool = found.peak if found.with_fragments is None else max(found.peak, found.with_fragments)
    layout = "" if found.with_fragments is None else f", {gigabytes(pool)} with fragments"
    fits = "; ".join(f"{'fits into' if pool < size * _GIGABYTE else 'too much for'} {size} GB" for size in DEVICES)
    some = " of what compiles" if not found.compiles else ""
    return f"peak memory{some}: {gigabytes(found.peak)} without fragments{layout}: {fits}"


def _troubles(graph: Graph) -> list[str]:
    lines = []
    if graph.error:
        where = f" (in {', '.join(graph.parts)})" if graph.parts else ""
        lines += ["", f"the {graph.name} does not compile{where}: {graph.error}"]
    if graph.recompiled:
        lines += ["", f"the {graph.name} was compiled again at its second call with the same shapes"]
    if graph.host:
        named = [f"{name} ({', '.join(parts)})" if parts else name for name, parts in graph.host]
        lines += ["", f"the {graph.name} has operators without a kernel on Ascend, computed on the host: "
                  + ", ".join(dict.fromkeys(named))]  # fmt: skip
    if graph.open_shapes:
        shown = ", ".join(graph.open_shapes[:_SHOWN])
        lines += ["", f"the {graph.name} has shapes that are known only while it runs: {shown}"]
    return lines


def _kernels(graphs: Iterable[Graph]) -> list[str]:
    lines = []
    for graph in graphs:
        lines += [f"kernels of the {graph.name}:"]
        for kind, operators in sorted(graph.kernels.items()):
            named = ", ".join(f"{name} {count}" for name, count in sorted(operators.items()))
            lines += [f"  {kind}: {named}"]
    return lines


def gigabytes(size: int) -> str:
    """A number of bytes in GB of 2**30."""
    return f"{size / _GIGABYTE:.2f} GB"

"""The table of a network's wires, for a reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from star.models.network import Network


class Described(NamedTuple):
    """One row of the table.

    Attributes:
        name: of the part; `loss.<term>` of a loss.
        kind: its class.
        reads, gives: names of tensors.
        parameters: numbers in it that are trained or kept, without those counted in a row before.
        training_only: whether evaluation is without it.
    """

    name: str
    kind: str
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    parameters: int
    training_only: bool


RETRIEVAL = "(retrieval feature)"
HEAD = ("part", "class", "reads", "gives", "parameters", "training only")


def describe_wires(network: Network, losses: Any = None) -> list[Described]:
    """The encoder, the wires in the order they are called, and the loss terms.

    Args:
        network: whose parts are described.
        losses: `star.losses.WeightedLosses`, or None.
    """
    encoder = network.encoder
    rows = [("encoder", encoder, network.encoder_reads, network.encoder_gives, False)]
    for w in network.wires:
        is_head = w.cell is network.head
        gives = (*w.gives, RETRIEVAL) if is_head else w.gives
        rows.append((w.name, w.cell, w.reads, gives, w.training_only and not is_head))
    if losses is not None:
        terms = zip(losses.names, losses.terms, losses.reads, strict=True)
        rows += [(f"loss.{name}", cell, reads, (), True) for name, cell, reads in terms]
    counted: set[int] = set()
    found = []
    for name, cell, reads, gives, training_only in rows:
        own = {id(p): p.size for p in cell.get_parameters() if id(p) not in counted}
        counted |= own.keys()
        found.append(Described(name, type(cell).__name__, tuple(reads), tuple(gives), sum(own.values()), training_only))
    return found


def wires_as_text(rows: Sequence[Described]) -> str:
    """The table in columns; long lists of names go on below themselves."""
    cells: list[list[str]] = [list(HEAD)]
    for row in rows:
        reads, gives = _wrapped(row.reads), _wrapped(row.gives)
        for line in range(max(len(reads), len(gives), 1)):
            first = line == 0
            cells.append(
                [
                    row.name if first else "",
                    row.kind if first else "",
                    reads[line] if line < len(reads) else "",
                    gives[line] if line < len(gives) else "",
                    f"{row.parameters:,}" if first else "",
                    ("yes" if row.training_only else "") if first else "",
                ]
            )
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    lines = []
    for line in cells:
        padded = [text.rjust(width) if place == 4 else text.ljust(width) for place, (text, width) in
                  enumerate(zip(line, widths, strict=True))]  # fmt: skip
        lines.append("  ".join(padded).rstrip())
    total = sum(row.parameters for row in rows)
    apart = sum(row.parameters for row in rows if row.training_only)
    lines.append(f"{total:,} parameters, {apart:,} of them in training only")
    return "\n".join(lines)


_LINE = 44


def _wrapped(names: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) + 2 <= _LINE:
            lines[-1] += f", {name}"
        else:
            lines = [*lines[:-1], *([f"{lines[-1]},"] if lines else []), name]
    return lines

"""The prefix that wrappers and frameworks put before the names of a file's tensors (`module.`, `model.backbone.`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from star.errors import CheckpointError


def shared_prefix(names: Iterable[str], fits: Callable[[str], bool], source: object) -> str:
    """The prefix, whole words up to a dot, without which most names fit; empty where none helps.

    Args:
        names: of the tensors.
        fits: whether a name without prefix is one that is wanted.
        source: the file, for messages.

    Raises:
        CheckpointError: several prefixes help equally, as of two networks in one file; names them.
    """
    counts: Counter[str] = Counter()
    for name in names:
        words = name.split(".")
        for depth in range(len(words)):
            if fits(".".join(words[depth:])):
                counts["".join(f"{word}." for word in words[:depth])] += 1
    if not counts:
        return ""
    most = max(counts.values())
    best = sorted((prefix for prefix, count in counts.items() if count == most), key=len)
    others = [prefix for prefix in best if not prefix.startswith(best[0])]
    if others:
        raise CheckpointError(
            f"{source}: holds several networks, under {', '.join([best[0], *others])}; expected one: save the tensors "
            "of the one that is wanted"
        )
    return best[0]

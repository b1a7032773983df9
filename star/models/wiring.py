"""The check of a network's wires: every name must be given before it is read; no MindSpore."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from star.errors import Problem

ALWAYS = ("joints", "joints_in_pixels")
"""Known in training and in evaluation."""
LABELS = ("identities", "modality")
PAIRED = ("visible", "infrared", "visible_joints", "infrared_joints", *ALWAYS, *LABELS)
MIXED = ("clips", *ALWAYS, *LABELS)
"""What a batch gives: with a visible and an infrared half, or blind to the modality."""


class Row(NamedTuple):
    """What a part reads and gives.

    Attributes:
        key: of the configuration.
        reads, gives: names of tensors.
        training_only: whether it is called in training alone.
        drawn: those of `reads` that the part draws itself, in training.
    """

    key: str
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    training_only: bool = False
    drawn: frozenset[str] = frozenset()


def wiring_problems(
    encoder: Row, embed_gives: Sequence[str], rows: Sequence[Row], losses: Mapping[str, Sequence[str]], *, mixed: bool
) -> list[Problem]:
    """Every name that is read and not there, and every name that must not be given.

    Args:
        encoder: the first part.
        embed_gives: what it gives in evaluation.
        rows: the other parts in the order they are called.
        losses: what each reads, by key.
        mixed: whether batches are blind to the modality.
    """
    batch = MIXED if mixed else PAIRED
    known: set[str] = set(batch)
    later = {name for row in rows for name in row.gives}
    problems = []
    for row in (encoder, *rows):
        problems += _wrong_gives(row, batch)
        problems += [_missing(row.key, name, known, later) for name in row.reads if name not in known | row.drawn]
        known |= set(row.gives)
    for key, reads in losses.items():
        problems += [_missing(key, name, known, set()) for name in reads if name not in known]
    return problems or list(_evaluation_problems(embed_gives, rows))


def call_problems(
    key: str, function: Callable[..., Any], reads: Sequence[str], name: str = "construct", when: str = ""
) -> Iterator[Problem]:
    """Whether a function can be called with as many tensors as there are names.

    Args:
        key: of the configuration.
        function: of a part or loss.
        reads: what it would be called with.
        name: of the function.
        when: it would be called like this; empty: always.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*reads)
    except TypeError:
        count = f"{len(reads)} tensors" if len(reads) != 1 else "1 tensor"
        expected = f"one that takes {count}{when and ' '}{when}: {', '.join(reads) or 'none'}"
        taken = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
        yield Problem(key, f"{name}{inspect.Signature(taken)}", expected)


def _evaluation_problems(embed_gives: Sequence[str], rows: Sequence[Row]) -> Iterator[Problem]:
    known = {*ALWAYS, *embed_gives}
    for row in [row for row in rows if not row.training_only]:
        for place, name in enumerate(row.reads):
            if name in row.drawn:
                if not row.drawn.issuperset(row.reads[place:]):
                    expected = "the names the part draws at the end of `reads`: in evaluation it is called without them"
                    yield Problem(row.key, f"reads {', '.join(row.reads)}", expected)
                    break
            elif name not in known:
                expected = f"training_only = True, or a tensor known in evaluation ({', '.join(sorted(known))})"
                yield Problem(row.key, f"reads {name}, which only a training step has", expected)
        known |= set(row.gives)


def _wrong_gives(row: Row, batch: Iterable[str]) -> Iterator[Problem]:
    for name in row.gives:
        if name in batch:
            yield Problem(row.key, f"gives {name}", "another name: this one is the batch's")


def _missing(key: str, name: str, known: set[str], later: set[str]) -> Problem:
    if name in later:
        return Problem(key, f"reads {name}", "a tensor that is given before; this one is given by a part after it")
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    switch = _SWITCHES.get(name)
    expected = f"{switch}, which gives it" if switch else "a tensor that the batch or a part before it gives"
    return Problem(key, f"reads {name}", f"{expected} ({hint}known: {', '.join(sorted(known))})")


_SWITCHES = {
    "disturbed_features": "style.attack=true",
    "disturbed_logits": "style.attack=true",
    "bone_features": "skeleton_graph.bones=true",
    "joint_features": "skeleton_graph.joints=true",
    "descriptor": "skeleton_graph.bones=true or joints=true",
    "pose_logits": "skeleton_graph.pose_classifier=true",
    "visible": "sampler=paired",
    "infrared": "sampler=paired",
    "clips": "sampler=modality_blind",
    "frame_logits": "frame_head=neck",
}
"""Names that are not always there and the key that switches each on."""

"""The scores of one trained network on test clips corrupted to several levels.

The file is `robustness.json` in the run's folder. `checkpoint` is the SHA-256 of `checkpoints/last.json` the network
came from, `chance` the scores of a ranking in random order, `measured` a list of levels with their scores and with the
protocol and the version of the code they were measured with.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from star.data.corruption import KINDS, Corruption
from star.errors import EvaluationError

ROBUSTNESS_FILE = "robustness.json"
CLEAN = "clean"
"""Kind of the level at which nothing is corrupted."""


class Level(NamedTuple):
    """One kind of corruption at one level.

    Attributes:
        kind: one of `star.data.corruption.KINDS`, or `CLEAN`.
        level: see `star.data.corruption.Corruption`; 0 for `CLEAN`.
        seed: of the corruption; 0 for `CLEAN`.
    """

    kind: str
    level: float
    seed: int

    @classmethod
    def of(cls, kind: str, level: float, seed: int) -> Level:
        """The level, `CLEAN` where it is 0."""
        return cls(kind, level, seed) if level > 0 else NOTHING

    @property
    def corruption(self) -> Corruption:
        """What is done to the clips."""
        return Corruption() if self.kind == CLEAN else Corruption(**{self.kind: self.level}, seed=self.seed)

    def __str__(self) -> str:
        return CLEAN if self.kind == CLEAN else f"{self.kind} {self.level:g}"


NOTHING = Level(CLEAN, 0.0, 0)


class Measured(NamedTuple):
    """What was measured at one level.

    Attributes:
        scores: percentages by `<direction>/<score>`.
        protocol: how it was measured.
        code: version of the code, see `star.tracking.fingerprint.code_digest`.
    """

    scores: Mapping[str, float]
    protocol: str
    code: str


class Robustness(NamedTuple):
    """All levels of one network.

    Attributes:
        checkpoint: SHA-256 of the checkpoint's reference.
        chance: percentages of a ranking in random order by `<direction>/<score>`.
        measured: by level.
    """

    checkpoint: str
    chance: Mapping[str, float]
    measured: Mapping[Level, Measured]


def checkpoint_digest(folder: Path) -> str | None:
    """SHA-256 of the reference of a run's last checkpoint; None where it has none."""
    path = folder / "checkpoints" / "last.json"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def levels_to_measure(folder: Path, levels: Sequence[Level]) -> list[Level]:
    """The levels that the present checkpoint of a run has not been measured at, `NOTHING` first.

    Args:
        folder: of the run.
        levels: the wanted ones; `NOTHING` always belongs to them.

    Raises:
        EvaluationError: the run's record is damaged.
    """
    path = folder / ROBUSTNESS_FILE
    known = read_robustness(path) if path.is_file() else None
    done = known.measured if known is not None and known.checkpoint == checkpoint_digest(folder) else {}
    return [level for level in dict.fromkeys((NOTHING, *levels)) if level not in done]


def read_robustness(path: Path) -> Robustness:
    """Read what `write_robustness` wrote.

    Raises:
        EvaluationError: it cannot be read, or is no such file.
    """
    try:
        content = json.loads(path.read_text())
        measured = {}
        for line in content["measured"]:
            level = Level(str(line["kind"]), float(line["level"]), int(line["seed"]))
            if level.kind not in (CLEAN, *KINDS):
                raise ValueError(f"there is no corruption {level.kind}")
            scores = {str(name): float(value) for name, value in line["scores"].items()}
            measured[level] = Measured(scores, str(line["protocol"]), str(line["code"]))
        chance = {str(name): float(value) for name, value in content["chance"].items()}
        return Robustness(str(content["checkpoint"]), chance, measured)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(f"{path} is no record of robustness ({error}); delete it to measure again") from error


def write_robustness(path: Path, found: Robustness) -> None:
    """Write all levels; a reader meanwhile sees the old file or the new one."""
    lines: list[dict[str, Any]] = [
        {**level._asdict(), **measured._asdict()} for level, measured in sorted(found.measured.items())
    ]
    content = {"checkpoint": found.checkpoint, "chance": found.chance, "measured": lines}
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(content, indent=1))
    os.replace(fresh, path)

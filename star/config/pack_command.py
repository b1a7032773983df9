"""Schema of the configuration of `star-pack`, conf/pack.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from star.config.commands import Command
from star.config.constraints import Rule
from star.config.schema import Dataset, number, numbers


@dataclass(frozen=True, kw_only=True)
class PackOptions:
    """conf/pack.yaml, key `pack`."""

    out: str | None
    size: list[int] | None = numbers(2, minimum=16, maximum=4096)
    encoding: Literal["jpeg", "raw"]
    quality: int = number(minimum=1, maximum=100)
    workers: int = number(minimum=1)


@dataclass(frozen=True, kw_only=True)
class PackConfig:
    """conf/pack.yaml."""

    dataset: Dataset
    pack: PackOptions


_USUAL_QUALITY = 95
"""As in conf/pack.yaml."""

COMMAND = Command(
    program="star-pack",
    description="a data set with its skeletons in one file, which dataset.pack=FILE reads instead of the folder.",
    config_name="pack",
    examples=(
        "dataset.root=ROOT pack.out=vcm.pack",
        "dataset.root=ROOT pack.out=vcm-288x144.pack pack.size=[288,144] pack.workers=8",
        "dataset.pack=vcm.pack pack.out=vcm-raw.pack pack.size=[288,144] pack.encoding=raw",
    ),
)

RULES = (
    Rule("pack.out", lambda c: c.pack.out is not None, lambda c: "a file to write (pack.out=FILE)"),
    Rule("pack.out",
         lambda c: c.pack.out is None or not Path(c.pack.out).expanduser().is_dir(),
         lambda c: "a file, not a folder"),
    Rule("pack.out",
         lambda c: c.pack.out is None or c.pack.out != c.dataset.pack,
         lambda c: "another file than dataset.pack"),
    Rule("pack.encoding",
         lambda c: c.pack.encoding == "jpeg" or c.pack.size is not None,
         lambda c: "jpeg, or pack.size=[height,width] as well: frames that are not resized keep their bytes"),
    Rule("pack.quality",
         lambda c: c.pack.quality == _USUAL_QUALITY or c.pack.size is not None,
         lambda c: "pack.size=[height,width] as well: frames that are not resized keep their bytes"),
)  # fmt: skip
"""Beside those of a training configuration that are about `dataset`."""

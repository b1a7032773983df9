"""Schema of the configuration of `star-export`, conf/export.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from star.bounds import number
from star.config.commands import Command
from star.config.constraints import Rule


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """conf/export.yaml."""

    run: str | None
    checkpoint: Literal["last", "best"]
    out: str | None
    mindir: bool
    mindir_clips: int = number(minimum=1)
    int8: bool
    root: str | None
    calibration_clips: int = number(minimum=2)
    mlflow: bool


COMMAND = Command(
    program="star-export",
    description="a run's network as an ONNX model and in MindSpore's own format.",
    config_name="export",
    examples=(
        "run=RUN",
        "run=RUN checkpoint=best out=models/star",
        "run=RUN int8=true",
        "run=RUN mlflow=true",
    ),
)

RULES = (
    Rule("run", lambda c: c.run is not None, lambda c: "the id or the folder of a run (run=RUN)"),
    Rule("out",
         lambda c: c.out is None or not Path(c.out).expanduser().is_file(),
         lambda c: "a folder"),
)  # fmt: skip

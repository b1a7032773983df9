"""`star-export`: the files of a run's network, written under other names and renamed when they have been checked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from star.config.export_command import ExportConfig
from star.config.paths import outputs_folder
from star.config.stored_run import read_record, run_folder
from star.errors import ConfigError, Problem
from star.export.packages import require_packages
from star.inference.run_network import load_run_network
from star.tracking.store import store_uri

FOLDER = "export"
_COMPUTED_AS = ("hardware.target=CPU", "hardware.precision=O0", "hardware.mode=pynative")
"""What an export is made and checked with, wherever the run was."""


def export_run(config: ExportConfig) -> str:
    """Export a run's network.

    Returns:
        Lines for the terminal.

    Raises:
        StarError: onnx or onnxruntime is not installed.
        ConfigError, CheckpointError: no such run, or a checkpoint that cannot be read.
        ExportError: the network cannot be exported, or its export computes something else.
        DataError: the data set for the scores of the 8-bit model cannot be read.
        TrackingError: the store cannot be written, or does not have the run.
    """
    require_packages("star-export")
    source = run_folder(str(config.run))
    out = source / FOLDER if config.out is None else Path(config.out).expanduser()
    run_id = _tracked(source) if config.mlflow else None
    root = [] if config.root is None else [f"dataset.root={config.root}"]
    loaded = load_run_network(source, [*_COMPUTED_AS, *root], config.checkpoint, data=config.int8)
    from star.export.int8_files import write_int8
    from star.export.log_model import log_model
    from star.export.mindir_files import write_mindir
    from star.export.onnx_files import ONNX_FILE, portable, write_onnx

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".unchecked-") as folder:
        written = [write_onnx(loaded, Path(folder))]
        if config.mindir:
            written.append(write_mindir(loaded, Path(folder), config.mindir_clips))
        if config.int8:
            written.append(write_int8(loaded, Path(folder), config.calibration_clips))
        files = [file for found in written for file in found.files]
        for file in files:
            os.replace(file, out / file.name)
    written_names = {file.name for file in files}
    there = {file.name for pattern in ("model.*", "*.mindir") for file in out.glob(pattern)}
    lines = [found.said for found in written]
    lines += [f"written: {out / file.name} ({(out / file.name).stat().st_size / 1e6:.3g} MB)" for file in files]
    if older := sorted(there - written_names):
        lines.append(f"left from an earlier export, and not of this one: {', '.join(older)}")
    if run_id is not None:
        uri = store_uri(loaded.config.tracker.uri, outputs_folder())
        address = log_model(out / ONNX_FILE, portable(loaded.description), uri, run_id)
        lines.append(f"stored in MLflow as a model of run {run_id}: {address}")
    return "\n".join(lines)


def _tracked(folder: Path) -> str:
    """The id of a run in its store.

    Raises:
        ConfigError: it has none.
    """
    run_id = read_record(folder).get("run_id")
    if run_id is None:
        raise ConfigError([Problem("mlflow", "true", f"a run in an MLflow store, which {folder} is not")])
    return run_id

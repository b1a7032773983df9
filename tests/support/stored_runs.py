"""Runs kept as an earlier commit left them (tests/stored_runs), ready to be looked at or continued by this one.

What was a path of the machine that made them is a placeholder there; a copy has it filled in.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from support.tiny_vcm import write_tiny_vcm

from star.tracking.names import clean_params, clean_tags
from star.tracking.sender import send_rest
from star.tracking.spool import SPOOL_NAME, read_spool
from star.tracking.store import client, prepare_store

STORED = Path(__file__).resolve().parents[1] / "stored_runs" / "6139d49"
NAMES = ("baseline", "star")
ROOT, OUTPUTS = "@ROOT@", "@OUTPUTS@"
FEATURES = "features.npz"
TEXT = {".json", ".jsonl", ".yaml", ".csv"}


def write_data(folder: Path) -> Path:
    """The data set the runs were trained on; its root."""
    return write_tiny_vcm(folder, skeletons=True).root


def copy_run(name: str, outputs: Path, root: Path) -> Path:
    """A stored run in an output folder.

    Args:
        name: of the run.
        outputs: the run becomes `runs/<name>` in it.
        root: of the data set, see `write_data`.

    Returns:
        The run's folder.
    """
    folder = outputs / "runs" / name
    shutil.copytree(STORED / name, folder, ignore=shutil.ignore_patterns(FEATURES))
    replace_text(folder, {ROOT: str(root), OUTPUTS: str(outputs)})
    complete_checkpoints(folder / "checkpoints")
    return folder


def complete_checkpoints(folder: Path) -> None:
    """The tensors of "best" are those of one of the others, and stored once."""
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in folder.glob("*.safetensors")}
    for path in folder.glob("*.json"):
        record = json.loads(path.read_text())
        if not (folder / record["tensors"]).exists():
            shutil.copyfile(files[record["sha256"]], folder / record["tensors"])


def replace_text(folder: Path, texts: dict[str, str]) -> None:
    """Replace texts in all text files of a run but its checkpoints, which have checksums over every byte."""
    for path in folder.rglob("*"):
        if path.suffix in TEXT and path.parent.name != "checkpoints":
            before = after = path.read_text()
            for old, new in texts.items():
                after = after.replace(old, new)
            if after != before:
                path.write_text(after)


def import_run(folder: Path, uri: str) -> str:
    """Send a copied run to a store, where it gets another id.

    Args:
        folder: of the copy; its files take the new id.
        uri: absolute address of the store.

    Returns:
        The new id.
    """
    opened = next(event for event, _ in read_spool(folder / SPOOL_NAME) if event["event"] == "open")
    experiment = prepare_store(uri, opened["experiment"])
    store = client(uri)
    run = store.create_run(experiment, opened["time"], clean_tags(opened["tags"]), opened["name"]).info.run_id
    for key, value in clean_params(opened["params"]).items():
        store.log_param(run, key, value)
    replace_text(folder, {json.loads((folder / "run.json").read_text())["run_id"]: run})
    send_rest(store, run, folder / SPOOL_NAME)
    return run

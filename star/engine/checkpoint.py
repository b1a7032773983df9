"""Everything a run needs to go on: tensors as safetensors, the rest as JSON that names them.

The tensors are written first, under a name of their own; then the small JSON file `<label>.json`, which carries their
name, their checksum and its own, is replaced in one step. Just before that the record of "last" becomes "previous",
whose tensors are kept as long. A process killed at any moment leaves the old checkpoints or the new ones.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from star.errors import CheckpointError

logger = logging.getLogger(__name__)

PREVIOUS = "previous"
_CHECKSUM = "record_sha256"
_WITHOUT_CHECKSUM = {"epoch", "step", "scores", "best_mean", "best_on_test", "seconds", "tensors", "sha256"}
"""Keys of the records written before they had a checksum of their own."""


def save_checkpoint(folder: Path, label: str, tensors: dict[str, np.ndarray], state: dict[str, Any]) -> Path:
    """Replace the checkpoint `label` of `folder` atomically; "last" becomes "previous".

    Args:
        folder: made if absent.
        label: "last" or "best".
        tensors: by name, of any number of axes.
        state: JSON values; `state["step"]` names the tensor file.

    Returns:
        The JSON file.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written; the checkpoints before stand.
    """
    path = folder / f"{label}.json"
    data = save({name: tensor.copy(order="C") for name, tensor in tensors.items()})
    tensor_file = f"{label}-{state['step']:08d}.safetensors"
    record = {**state, "tensors": tensor_file, "sha256": hashlib.sha256(data).hexdigest()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Tensors first, the record last: a record that can be read never names tensors that are not whole.
        replace_file(folder / tensor_file, data)
        if label == "last":
            _keep_as_previous(path, state["step"])
        replace_file(path, _sealed(record))
    except OSError as error:
        raise CheckpointError(f"{path}: not written ({error}); the checkpoints before it are kept") from error
    needed = {tensor_file} | ({_tensor_file(folder / f"{PREVIOUS}.json")} if label == "last" else set())
    for old in (*folder.glob(f"{label}-*.safetensors"), *folder.glob("*.part")):
        if old.name not in needed:
            old.unlink()
    return path


def load_checkpoint(folder: Path, label: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save_checkpoint` wrote.

    Raises:
        CheckpointError: there is none, or a byte of it is missing or changed.
    """
    path = folder / f"{label}.json"
    state = _read_record(path)
    tensors = folder / state.pop("tensors")
    try:
        data = tensors.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{error.filename}: tensors of {path} that cannot be read ({error.strerror})") from None
    if hashlib.sha256(data).hexdigest() != state.pop("sha256"):
        raise CheckpointError(f"{tensors}: does not have the checksum that {path.name} records; the file is damaged")
    try:
        return load(data), state
    except SafetensorError as error:
        raise CheckpointError(f"{path}: its tensors cannot be read ({error})") from error


def load_newest(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """The checkpoint "last", or "previous" where "last" is damaged; None where there is none yet.

    A damaged "last" is replaced by "previous", so that it cannot become the previous one itself.

    Raises:
        CheckpointError: both are damaged; names both.
    """
    last, previous = (folder / f"{label}.json" for label in ("last", PREVIOUS))
    if not last.exists() and not previous.exists():
        return None
    try:
        return load_checkpoint(folder, "last")
    except CheckpointError as error:
        try:
            found = load_checkpoint(folder, PREVIOUS)
        except CheckpointError as other:
            raise CheckpointError(f"no usable checkpoint: {error}; and the one before it: {other}") from error
        logger.warning("%s; going on from the checkpoint before it, %s", error, previous)
    replace_file(last, previous.read_bytes())
    return found


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that whatever happens it has its old content or all of the new.

    Raises:
        OSError: the disk is full or the folder cannot be written; the old content stands.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)  # the new name is on the disk only when the folder is
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _keep_as_previous(last: Path, step: int) -> None:
    """A damaged record, or one of this very step, leaves the previous checkpoint as it is."""
    try:
        record = _read_record(last)
    except CheckpointError:
        return
    if record["step"] < step:
        replace_file(last.with_name(f"{PREVIOUS}.json"), last.read_bytes())


def _tensor_file(path: Path) -> str | None:
    try:
        return _read_record(path)["tensors"]
    except CheckpointError:
        return None


def _read_record(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        record = json.loads(data)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a checkpoint ({error}); the file is damaged") from error
    if isinstance(record, dict) and record.keys() == _WITHOUT_CHECKSUM:
        return record
    if not isinstance(record, dict) or record.pop(_CHECKSUM, None) is None or _sealed(record) != data:
        raise CheckpointError(f"{path}: does not have its recorded checksum; the file is damaged")
    return record


def _sealed(record: dict[str, Any]) -> bytes:
    """The record as JSON with a checksum over all of it."""
    digest = hashlib.sha256(json.dumps(record, indent=1).encode()).hexdigest()
    return json.dumps({**record, _CHECKSUM: digest}, indent=1).encode()

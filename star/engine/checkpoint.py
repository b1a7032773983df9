"""Everything a run needs to go on: tensors as safetensors, the rest as JSON that names them.

The tensors are written first, under a name of their own; then the small JSON file `<label>.json`, which carries their
name and checksum, is replaced in one step. A process killed at any moment leaves the old pair or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from star.errors import CheckpointError


def save_checkpoint(folder: Path, label: str, tensors: dict[str, np.ndarray], state: dict[str, Any]) -> Path:
    """Replace the checkpoint `label` of `folder` atomically.

    Args:
        folder: made if absent.
        label: "last" or "best".
        tensors: by name, of any number of axes.
        state: JSON values; `state["step"]` names the tensor file.

    Returns:
        The JSON file.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written; the old checkpoint stands.
    """
    path = folder / f"{label}.json"
    data = save({name: tensor.copy(order="C") for name, tensor in tensors.items()})
    tensor_file = f"{label}-{state['step']:08d}.safetensors"
    record = {**state, "tensors": tensor_file, "sha256": hashlib.sha256(data).hexdigest()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / tensor_file, data)
        _replace(path, json.dumps(record, indent=1).encode())
    except OSError as error:
        raise CheckpointError(f"{path}: not written ({error}); the checkpoint before it is kept") from error
    for old in folder.glob(f"{label}-*.safetensors"):
        if old.name != tensor_file:
            old.unlink()
    return path


def load_checkpoint(folder: Path, label: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `save_checkpoint` wrote.

    Raises:
        CheckpointError: there is none, or its tensors are cut or changed.
    """
    path = folder / f"{label}.json"
    try:
        state = json.loads(path.read_text())
        data = (folder / state.pop("tensors")).read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{error.filename}: no such checkpoint file") from None
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: not a checkpoint ({error})") from error
    if hashlib.sha256(data).hexdigest() != state.pop("sha256"):
        raise CheckpointError(f"{path}: its tensors do not have the recorded checksum; the file is damaged")
    try:
        return load(data), state
    except SafetensorError as error:
        raise CheckpointError(f"{path}: its tensors cannot be read ({error})") from error


def _replace(path: Path, data: bytes) -> None:
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

"""`star.load`: a model from a run, a checkpoint or an exported file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from star.errors import DataError, StarError
from star.inference.model import Model


def load(source: str | Path, *, checkpoint: Literal["last", "best"] = "last", overrides: Sequence[str] = ()) -> Model:
    """Load a trained model.

    Args:
        source: a run (its id in the tracking store, the first eight or more characters of it, or its folder), the
            record `last.json` or `best.json` in its folder `checkpoints`, or an .onnx file that `star-export` wrote,
            for which MindSpore is not needed. The run's data set is not needed.
        checkpoint: which of a run's checkpoints; "best" is refused for an .onnx file of another.
        overrides: `KEY=VALUE` on top of a run's configuration, e.g. "hardware.loader_workers=4".

    Raises:
        ConfigError: there is no such run, or an override does not fit.
        CheckpointError: the checkpoint is missing, damaged or of another network.
        DataError: a file that is no model.
        StarError: MindSpore, which a run needs, or onnxruntime, which a file needs, is not installed.
    """
    path = Path(source).expanduser()
    if isinstance(overrides, str):
        raise DataError(f"overrides: given the text {overrides!r}, expected a list of KEY=VALUE")
    if path.suffix == ".onnx":
        if not path.is_file():
            raise DataError(f"{path} is missing, expected a model that star-export wrote")
        if overrides:
            raise DataError(f"overrides: given {list(overrides)}, expected none for the exported model {path}")
        from star.inference.onnx_file import load_onnx_model

        model = load_onnx_model(path)
        if checkpoint != "last" and model.description.checkpoint != checkpoint:
            raise DataError(
                f"checkpoint: given {checkpoint}, but {path} was exported from {model.description.checkpoint}"
            )
        return model
    if find_spec("mindspore") is None:
        raise StarError(
            f"{source}: a run needs MindSpore, which is not installed; star-export makes an .onnx file of it, which "
            "does not"
        )
    from star.config.stored_run import run_folder
    from star.inference.run_network import load_run_model

    if path.is_file():
        folder, checkpoint = _run_of(path)
    else:
        folder = run_folder(str(source))
    return load_run_model(folder, overrides, checkpoint)


def _run_of(path: Path) -> tuple[Path, Literal["last", "best"]]:
    """The run's folder and which checkpoint the record of one is of."""
    if path.parent.name != "checkpoints" or path.suffix != ".json" or path.stem not in ("last", "best"):
        raise DataError(
            f"{path} is no model, expected a run's folder, last.json or best.json in its folder checkpoints, or an "
            ".onnx file"
        )
    return path.resolve().parent.parent, path.stem

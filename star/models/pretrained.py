"""Weights for the trunk from files of other projects.

| source                                     | how                                                  |
|--------------------------------------------|------------------------------------------------------|
| .safetensors, .npz                         | torchvision's names, or ours                         |
| .ckpt (MindSpore)                          | the same, also with gamma, beta, moving_mean, ...    |
| hf://owner/name[/file]                     | Hugging Face hub, `model.safetensors` by default     |
| .pth, .pt, .bin                            | refused (pickle), with the way to convert them       |

The stem's weights go to every stem; the classifier (`fc`) is listed as not used.
"""

import re
import zipfile
import zlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn
from safetensors import SafetensorError, safe_open

from star.errors import CheckpointError

HUB = "hf://"
_PICKLES = (".pth", ".pt", ".bin", ".pkl")
_CONVERT = (
    'convert it where PyTorch is installed: python -c "import torch, safetensors.torch as s; '
    "w = torch.load('{name}', map_location='cpu', weights_only=True); "
    "s.save_file({{k: v.contiguous() for k, v in w.items()}}, '{stem}.safetensors')\""
)
_RENAMED = (
    (r"^conv1\.", "stem.conv."),
    (r"^bn1\.", "stem.norm."),
    (r"^layer(\d)\.", r"stage\1."),
    (r"\.bn(\d)\.", r".norm\1."),
    (r"\.down_?sample\.", ".shortcut."),
    (r"(norm\d?|shortcut\.1)\.weight$", r"\1.gamma"),
    (r"(norm\d?|shortcut\.1)\.bias$", r"\1.beta"),
    (r"\.running_mean$", ".moving_mean"),
    (r"\.running_var$", ".moving_variance"),
)
"""From torchvision's names (and MindSpore's copies of them) to ours."""


class PretrainedReport(NamedTuple):
    """What became of a file of weights.

    Attributes:
        source: as given.
        loaded: parameters of the trunk that were set.
        not_loaded: parameters of the trunk that keep their initial values.
        unused: tensors of the source that no parameter wanted.
    """

    source: str
    loaded: tuple[str, ...]
    not_loaded: tuple[str, ...]
    unused: tuple[str, ...]

    def describe(self) -> str:
        """One line with every name that was left over on either side."""
        parts = [f"{self.source}: {len(self.loaded)} parameters of the trunk loaded"]
        for label, names in (("not in the file", self.not_loaded), ("in the file but not used", self.unused)):
            parts.append(f"{len(names)} {label}" + (f" ({', '.join(names)})" if names else ""))
        return "; ".join(parts)


def load_pretrained(backbone: nn.Cell, source: str | Path) -> PretrainedReport:
    """Sets the parameters of a trunk; call it after the network that holds the trunk was made.

    Args:
        backbone: the trunk.
        source: a file, or `hf://owner/name[/file]`.

    Returns:
        What was loaded and what was not.

    Raises:
        CheckpointError: a missing, damaged or unsupported file, a tensor of another shape, or nothing to load. No
            parameter is changed then.
    """
    path = _download(str(source)) if str(source).startswith(HUB) else Path(source)
    tensors = _read(path)
    parameters = {p.name.removeprefix("backbone."): p for p in backbone.get_parameters()}
    chosen = {name: tensors[key] for key in tensors for name in our_names(key) if name in parameters}
    if not chosen:
        raise CheckpointError(
            f"{source}: none of its {len(tensors)} tensors ({_some(list(tensors))}) is a parameter of the trunk; "
            "expected torchvision's ResNet names (conv1.weight, layer1.0.conv1.weight, ...)"
        )
    _check_shapes(source, chosen, parameters)
    for name, values in chosen.items():
        parameters[name].set_data(Tensor(np.ascontiguousarray(values, np.float32)))
    return PretrainedReport(
        str(source),
        tuple(name for name in parameters if name in chosen),
        tuple(name for name in parameters if name not in chosen),
        tuple(key for key in tensors if not any(name in parameters for name in our_names(key))),
    )


def our_names(name: str) -> tuple[str, ...]:
    """The trunk's names for a tensor: one for each stem, and for each last stage, there can be; one otherwise."""
    name = name.removeprefix("backbone.")
    for pattern, ours in _RENAMED:
        name = re.sub(pattern, ours, name)
    if name.startswith("stem."):
        return (f"visible_{name}", f"infrared_{name}", f"shared_{name}")
    if name.startswith("stage4."):
        return (name, f"temporal_{name}")
    return (name,)


def _check_shapes(source: str | Path, chosen: Mapping[str, np.ndarray], parameters: Mapping[str, Parameter]) -> None:
    wrong = [
        f"{name}: given {list(values.shape)}, expected {list(parameters[name].shape)}"
        for name, values in chosen.items()
        if tuple(values.shape) != tuple(parameters[name].shape)
    ]
    if wrong:
        raise CheckpointError(
            f"{source}: {len(wrong)} tensors have another shape ({_some(wrong, '; ')}); choose the backbone that the "
            "weights belong to"
        )


def _some(items: list[str], separator: str = ", ") -> str:
    more = [f"and {len(items) - 5} more"] if len(items) > 5 else []
    return separator.join(items[:5] + more)


def _read(path: Path) -> dict[str, np.ndarray]:
    if path.suffix in _PICKLES:
        how = _CONVERT.format(name=path.name, stem=path.stem)
        raise CheckpointError(f"{path}: PyTorch pickles are not read; {how}")
    if path.suffix not in _READERS:
        raise CheckpointError(f"{path}: expected a file ending in {', '.join(_READERS)}, or {HUB}owner/name[/file]")
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file; expected pretrained weights (backbone.pretrained)")
    try:
        return _READERS[path.suffix](path)
    except _DAMAGED as error:
        raise CheckpointError(f"{path}: damaged or not a {path.suffix} file ({error}); download it again") from error


_DAMAGED = (SafetensorError, zipfile.BadZipFile, zlib.error, OSError, ValueError, TypeError, RuntimeError, EOFError)


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no mapping)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _read_ckpt(path: Path) -> dict[str, np.ndarray]:
    return {name: parameter.asnumpy() for name, parameter in ms.load_checkpoint(str(path)).items()}


_READERS = {".safetensors": _read_safetensors, ".npz": _read_npz, ".ckpt": _read_ckpt}


def _download(source: str) -> Path:
    parts = source.removeprefix(HUB).split("/", 2)
    if len(parts) < 2 or not all(parts):
        raise CheckpointError(f"{source}: expected {HUB}owner/name or {HUB}owner/name/file.safetensors")
    file = parts[2] if len(parts) > 2 else "model.safetensors"
    try:
        hub = import_module("huggingface_hub")
    except ImportError as error:
        raise CheckpointError(
            f"{source}: needs the package huggingface_hub (pip install huggingface_hub); or download {file} yourself "
            "and give its path"
        ) from error
    try:
        return Path(hub.hf_hub_download(repo_id="/".join(parts[:2]), filename=file))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{source}: cannot get {file} from the Hugging Face hub ({error})") from error

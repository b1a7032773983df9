"""Weights for the trunk, and for parts that go with it, from files of other projects.

| source                                     | how                                                  |
|--------------------------------------------|------------------------------------------------------|
| .safetensors, .npz                         | torchvision's names, or ours                         |
| .ckpt (MindSpore)                          | the same, also with gamma, beta, moving_mean, ...    |
| hf://owner/name[/file]                     | Hugging Face hub, `model.safetensors` by default     |
| .pth, .pt, .bin, .ckpt (PyTorch, Lightning)| refused (pickle), with the way to convert them       |

A trunk with `translated` reads names of its own, which it describes in `expects`: from the tensors of a file it makes
values by its parameters' names, and tells which tensors each was made of. So do other parts, from the same file.

What a file is, its first bytes say (`star.models.weight_files`). A prefix of the names (`module.`) is taken off. Texts
and numbers beside the weights of a .ckpt file are passed over. The stem's weights go to every stem, the trunk's
to a second one as well; the classifier (`fc`) is listed as not used.
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn
from safetensors import SafetensorError, safe_open

from star.errors import CheckpointError
from star.models.name_prefix import shared_prefix
from star.models.weight_files import WeightFile, kind_of

HUB = "hf://"
_SUFFIXES = (".safetensors", ".npz", ".ckpt")
_PICKLES = (".pth", ".pt", ".bin", ".pkl")
_CONVERT = (
    'convert it where PyTorch is installed: python -c "import torch, safetensors.torch as s; '
    "w = torch.load('{name}', map_location='cpu', weights_only=True); w = w.get('state_dict', w); "
    "s.save_file({{k: v.clone().contiguous() for k, v in w.items() if torch.is_tensor(v)}}, '{stem}.safetensors')\""
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
        prefix: taken off the names of the source; empty if there was none.
    """

    source: str
    loaded: tuple[str, ...]
    not_loaded: tuple[str, ...]
    unused: tuple[str, ...]
    prefix: str = ""

    def describe(self) -> str:
        """One line with every name that was left over on either side."""
        parts = [f"{self.source}: {len(self.loaded)} parameters of the trunk loaded"]
        for label, names in (("not in the file", self.not_loaded), ("in the file but not used", self.unused)):
            parts.append(f"{len(names)} {label}" + (f" ({', '.join(names)})" if names else ""))
        if len(self.not_loaded) > len(self.loaded):
            parts.append("most of the trunk keeps its first values: are these the weights of this trunk?")
        if self.prefix:
            parts.append(f"the prefix {self.prefix} of their names was taken off")
        return "; ".join(parts)


def load_pretrained(
    backbone: nn.Cell, source: str | Path, others: Mapping[str, nn.Cell] | None = None
) -> PretrainedReport:
    """Sets the parameters of a trunk; call it after the network that holds the trunk was made.

    Args:
        backbone: the trunk.
        source: a file, or `hf://owner/name[/file]`.
        others: parts by name, with `translated`, that take weights from the file as well.

    Returns:
        What was loaded and what was not; parameters of other parts have the name of their part before their own.

    Raises:
        CheckpointError: a missing, damaged or unsupported file, a tensor of another shape or with numbers that no
            weights can have, or nothing to load. No parameter is changed then.
    """
    path = _download(str(source)) if str(source).startswith(HUB) else Path(source)
    tensors = _read(path)
    parameters = {p.name.removeprefix("backbone."): p for p in backbone.get_parameters()}
    prefix, expected = "", "torchvision's ResNet names (conv1.weight, layer1.0.conv1.weight, ...)"
    if hasattr(backbone, "translated"):
        (chosen, made_of), expected = backbone.translated(tensors), backbone.expects
    else:
        prefix = shared_prefix(tensors, lambda name: any(ours in parameters for ours in our_names(name)), source)
        chosen, made_of = _by_our_names(tensors, prefix, parameters)
    if parameters.keys().isdisjoint(chosen):
        raise CheckpointError(
            f"{source}: none of its {len(tensors)} tensors ({_some(list(tensors))}) is a parameter of the trunk; "
            f"expected {expected}"
        )
    for name, part in (others or {}).items():
        values, sources = part.translated(tensors)
        parameters |= {f"{name}.{p.name.removeprefix(f'{name}.')}": p for p in part.get_parameters()}
        chosen |= {f"{name}.{own}": value for own, value in values.items()}
        made_of |= {f"{name}.{own}": names for own, names in sources.items()}
    chosen = {name: value for name, value in chosen.items() if name in parameters}
    used = {key for name in chosen for key in made_of[name]}
    _check_shapes(source, chosen, parameters)
    _check_numbers(source, chosen)
    for name, values in chosen.items():
        parameters[name].set_data(Tensor(np.ascontiguousarray(values, np.float32)))
    return PretrainedReport(
        str(source),
        tuple(name for name in parameters if name in chosen),
        tuple(name for name in parameters if name not in chosen),
        tuple(key for key in tensors if key not in used),
        prefix,
    )


def _by_our_names(
    tensors: Mapping[str, np.ndarray], prefix: str, parameters: Mapping[str, Parameter]
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Values of a trunk with torchvision's names, or ours, and the names they stand under in the file."""
    found = {
        name: key
        for key in tensors
        if key.startswith(prefix)
        for name in our_names(key.removeprefix(prefix))
        if name in parameters
    }
    return {name: tensors[key] for name, key in found.items()}, {name: [key] for name, key in found.items()}


def our_names(name: str) -> tuple[str, ...]:
    """The trunk's names for a tensor: one for each stem, each last stage and each trunk there can be."""
    name = name.removeprefix("backbone.")
    for pattern, ours in _RENAMED:
        name = re.sub(pattern, ours, name)
    names = (name,)
    if name.startswith("stem."):
        names = (f"visible_{name}", f"infrared_{name}", f"shared_{name}")
    elif name.startswith("stage4."):
        names = (name, f"temporal_{name}")
    return (*names, *(f"anaglyph.{own}" for own in names))


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


def _check_numbers(source: str | Path, chosen: Mapping[str, np.ndarray]) -> None:
    wrong = [f"{name} has NaN or infinity" for name, values in chosen.items() if not np.isfinite(values).all()]
    wrong += [
        f"{name} is below 0"
        for name, values in chosen.items()
        if name.endswith("moving_variance") and (values < 0).any()
    ]
    if wrong:
        raise CheckpointError(f"{source}: {len(wrong)} tensors cannot be weights ({_some(wrong, '; ')}); save it again")


def _some(items: list[str], separator: str = ", ") -> str:
    more = [f"and {len(items) - 5} more"] if len(items) > 5 else []
    return separator.join(items[:5] + more)


def _read(path: Path) -> dict[str, np.ndarray]:
    suffix = path.suffix.lower()
    if not path.is_file() and suffix in _SUFFIXES:
        raise CheckpointError(f"{path}: there is no such file; expected pretrained weights (backbone.pretrained)")
    try:
        kind = kind_of(path) if path.is_file() else None
        if kind == "pytorch" or (kind is None and suffix in _PICKLES):
            how = _CONVERT.format(name=path.name, stem=path.stem)
            raise CheckpointError(f"{path}: PyTorch pickles are not read; {how}")
        if suffix not in (*_SUFFIXES, *_PICKLES):
            raise CheckpointError(
                f"{path}: expected a file ending in {', '.join(_SUFFIXES)}, or {HUB}owner/name[/file]"
            )
        if kind is None:
            raise CheckpointError(f"{path}: damaged or no file of weights, by its first bytes; download it again")
        return _READERS[kind](path)
    except _DAMAGED as error:
        raise CheckpointError(f"{path}: damaged or not a {suffix} file ({error}); download it again") from error


_DAMAGED = (SafetensorError, zipfile.BadZipFile, zlib.error, OSError, ValueError, TypeError, RuntimeError, EOFError)


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no mapping)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _read_ckpt(path: Path) -> dict[str, np.ndarray]:
    values = ms.load_checkpoint(str(path))
    return {name: value.asnumpy() for name, value in values.items() if isinstance(value, Tensor)}


_READERS: dict[WeightFile, Callable[[Path], dict[str, np.ndarray]]] = {
    "safetensors": _read_safetensors,
    "npz": _read_npz,
    "mindspore": _read_ckpt,
}


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

"""Hydra's composition, in which the same choices of groups are composed once in a process."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import compose, initialize_config_module
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from star.config.folders import config_folders, search_path
from star.config.paths import register_resolvers
from star.data.folder import left_by_others

if TYPE_CHECKING:
    from importlib.abc import Traversable  # importlib.resources.abc exists from Python 3.11 on only

CONFIG_MODULE = "star.conf"
_KEPT = 64
_PLACES = ("*.yaml", "*/*.yaml", "*/*/*.yaml")
"""Where a change of a file is seen, links followed: `recipe/size/NAME.yaml` is the deepest of this package. The whole
tree is not searched, since a folder may be that of a project, with its data."""


def composed_by_hydra(config_name: str, overrides: Sequence[str]) -> DictConfig:
    """The configuration as `hydra.compose` gives it, the node `hydra` included, which lists no overrides of values.

    Hydra reads some forty files for the choices and sets the values afterwards; so the jobs of a sweep over values
    share the first part, a third of a second.

    Raises:
        HydraException, OmegaConfBaseException, YAMLError: it cannot be composed.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    folders = config_folder_trees()
    choices, values = [], []
    for override in parsed:
        (choices if _chooses(override, folders) else values).append(override)
    texts = (*(str(override.input_line) for override in choices), *search_path())
    composed = copy.deepcopy(_of_choices(config_name, texts, _state(folders)))
    ConfigLoaderImpl._apply_overrides_to_config(values, composed)
    return composed


def config_folder_trees() -> list[Traversable]:
    """The package's own `conf/` and the configuration folders in use."""
    return [files(CONFIG_MODULE), *map(as_tree, config_folders())]


def choices_of(group: str) -> list[str]:
    """What can be chosen in a group, by this package and the configuration folders in use, in order of name."""
    return sorted({name for folder in config_folder_trees() for name in _choices(folder.joinpath(*group.split("/")))})


def _choices(folder: Traversable) -> list[str]:
    if not folder.is_dir():
        return []
    names = [file.name for file in folder.iterdir() if not left_by_others(file.name)]
    return [name.removesuffix(".yaml") for name in names if name.endswith(".yaml")]


def as_tree(text: str) -> Traversable:
    """A configuration folder as it is named in `$STAR_CONFIG_DIR`, to look into."""
    package, _, rest = text.removeprefix("pkg://").partition("/")
    return files(package).joinpath(*rest.split("/")) if text.startswith("pkg://") else Path(text)


def _chooses(override: Override, folders: Sequence[Traversable]) -> bool:
    """Whether Hydra has to see it while it composes: a choice, its own search path, or a sweep, which it refuses."""
    key = override.key_or_group
    if override.is_sweep_override() or override.package is not None or "/" in key or key == "hydra.searchpath":
        return True
    return "." not in key and any((folder / key).is_dir() for folder in folders)


@lru_cache(_KEPT)
def _of_choices(config_name: str, overrides: tuple[str, ...], state: frozenset) -> DictConfig:
    """`state` is for the cache alone: files that were changed are read anew."""
    with _hydra():
        return compose(config_name, [*overrides], return_hydra_config=True)


def _state(folders: Sequence[Traversable]) -> frozenset[tuple[str, int, int]]:
    """Path, time of change and size of every configuration file; those within a zip archive do not change."""
    found = set()
    on_disk = [folder for folder in folders if isinstance(folder, Path)]
    for path in (path for folder in on_disk for place in _PLACES for path in folder.glob(place)):
        with suppress(OSError):  # an editor's lock is a link to nothing
            status = path.stat()
            found.add((str(path), status.st_mtime_ns, status.st_size))
    return frozenset(found)


@contextmanager
def _hydra() -> Iterator[None]:
    """Hydra's compose API, also within a job of Hydra, which gets its own state back."""
    register_resolvers()
    instance = GlobalHydra.instance()
    before, instance.hydra = instance.hydra, None
    try:
        with initialize_config_module(CONFIG_MODULE, version_base="1.3"):
            yield
    finally:
        instance.hydra = before

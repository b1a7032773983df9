"""The embedders of exported graphs, for commands that rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from star.config.schema import Config
    from star.models.network import Network
    from star.types import Modality


def exported_embedders(config: Config, model: Network) -> Callable[[], Mapping[Modality, Callable]]:
    """`star.export.embedders.exported_embedders`, imported late: MindSpore comes after the configuration is read."""
    from star.export.embedders import exported_embedders as make

    return make(config, model)

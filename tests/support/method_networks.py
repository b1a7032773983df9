"""Networks of other methods as their configurations build them, without first values: tests set all weights."""

from __future__ import annotations

import pytest

from star.config.check import check_overrides
from star.config.schema import Config
from star.engine.build_network import build_model
from star.models.network import Network


def method_network(method: str, *overrides: str, frames: int, identities: int = 10) -> tuple[Network, Config]:
    """The network of `method=<method>` on its trunk, for frames of 64 x 32, and its configuration."""
    size = (f"dataset.frames={frames}", "dataset.height=64", "dataset.width=32")
    config = check_overrides([f"method={method}", "dataset=synthetic", *size, *overrides])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("star.engine.build_network.initialise", lambda *_: None)
        return build_model(config, identities=identities), config

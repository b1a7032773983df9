"""The table of wires of a configuration, before any data is read."""

from __future__ import annotations

from star.config.schema import Config
from star.engine.build_network import build_losses, build_model
from star.models.describe import describe_wires, wires_as_text
from star.words import counted


def describe_network(config: Config) -> str:
    """What `star-check` prints of a network: its parts with what they read and give, and the loss terms.

    Args:
        config: checked configuration. The classifiers are counted for the identities of one batch: the data set, which
            has the true number, is not read for this.
    """
    model = build_model(config, identities=config.schedule.identities, initial_values=False)
    table = wires_as_text(describe_wires(model, build_losses(config, model)))
    return f"{table}\n(classifiers of {counted(config.schedule.identities, 'identity', 'identities')})"

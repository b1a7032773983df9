"""A network together with all that changes it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from star.engine.step import TrainStep
from star.engine.train_state import NetworkState
from star.losses import WeightedLosses
from star.models.network import Network


class Learner(NamedTuple):
    """What a run trains.

    Attributes:
        model, losses: with their first values.
        rates: [steps] learning rates by group of parameters.
        step: one update.
        state: the tensors it changes.
    """

    model: Network
    losses: WeightedLosses
    rates: dict[str, np.ndarray]
    step: TrainStep
    state: NetworkState

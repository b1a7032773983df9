"""The network of a run with a checkpoint's weights, computed by MindSpore."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from star.config.check import check_config
from star.config.network_slots import reads_joints
from star.config.schema import Config
from star.config.stored_run import read_record, stored_config
from star.engine.build_data import reads_anaglyphs
from star.engine.checkpoint import load_checkpoint
from star.errors import CheckpointError
from star.inference.description import Description
from star.inference.model import Model
from star.types import MODALITIES, ClipBatch, Modality

if TYPE_CHECKING:
    from star.models.network import Network

_ELSEWHERE = ("hardware", "tracker", "schedule", "dataset")
"""Groups whose keys change no feature, or stand in the description themselves."""
_UNKNOWN = 3
"""Identities of the network that is built to see where their number stands."""


class RunNetwork(NamedTuple):
    """A run's network in evaluation.

    Attributes:
        description: of the model.
        config: checked; with the overrides it was loaded with.
        network: with the weights of the checkpoint.
    """

    description: Description
    config: Config
    network: Network


def load_run_network(
    folder: Path,
    overrides: Sequence[str] = (),
    checkpoint: Literal["last", "best"] = "last",
    *,
    data: bool = False,
) -> RunNetwork:
    """Build the network of a run; its data set is not looked at.

    Args:
        folder: of the run.
        overrides: on top of the run's configuration.
        checkpoint: which of the run's checkpoints.
        data: whether the data set will be read, so that its files must be there.

    Raises:
        ConfigError: the folder has no configuration, or an override does not fit.
        CheckpointError: the checkpoint is missing, damaged or of another network.
    """
    tensors, state = load_checkpoint(folder / "checkpoints", checkpoint)
    config = check_config(stored_config(folder, ["backbone.pretrained=null", *overrides]), data=data)
    from star.engine.build_network import build_model
    from star.engine.hardware import select_device
    from star.engine.train_state import NetworkState

    select_device(config.hardware)
    network = build_model(config, identities=_identities(config, tensors))
    weights = NetworkState(network)
    weights.restore(tensors)
    network.set_train(False)
    clip = config.dataset
    description = Description(
        run=folder.name,
        run_id=read_record(folder).get("run_id"),
        checkpoint=checkpoint,
        epoch=state["epoch"],
        step=state["step"],
        modalities=MODALITIES,
        frames=clip.frames,
        height=clip.height,
        width=clip.width,
        uses_joints=reads_joints(config),
        anaglyphs=reads_anaglyphs(config),
        dim=network.out_channels,
        on_bad_frame=clip.on_bad_frame,
        min_confidence=clip.min_confidence,
        cleaning=clip.cleaning,
        batch=config.schedule.evaluation_batch,
        weights=weights.checksum(),
        variant=" ".join(sorted(text for text in overrides if re.split(r"[.=]", text)[0] not in _ELSEWHERE)),
        config=asdict(config),
    )
    return RunNetwork(description, config, network)


def load_run_model(folder: Path, overrides: Sequence[str], checkpoint: Literal["last", "best"]) -> Model:
    """The model of a run; arguments and errors of `load_run_network`."""
    description, config, network = load_run_network(folder, overrides, checkpoint)
    from mindspore import Tensor

    from star.engine.build_network import build_embedders

    embedders = build_embedders(config, network)

    def compute(batch: ClipBatch, modality: Modality) -> np.ndarray:
        given = Tensor.from_numpy(batch.frames), Tensor.from_numpy(batch.joints)
        return embedders[modality](*given).asnumpy()[: batch.count].astype(np.float32)

    return Model(description, compute, config.hardware.loader_workers)


def _identities(config: Config, tensors: Mapping[str, np.ndarray]) -> int:
    """Classes of the classifiers that a checkpoint has weights of.

    Raises:
        CheckpointError: its classifiers disagree.
    """
    from star.engine.build_network import build_model

    found = set()
    for parameter in build_model(config, identities=_UNKNOWN, initial_values=False).get_parameters():
        stored = np.shape(tensors.get(f"model.{parameter.name}", ()))
        pairs: list[Any] = list(zip(parameter.shape, stored, strict=False))
        found |= {there for here, there in pairs if here == _UNKNOWN != there}
    if len(found) > 1:
        raise CheckpointError(f"the checkpoint is of another network: classifiers of {sorted(found)} classes")
    return found.pop() if found else _UNKNOWN

"""A run's network in MindSpore's own format, one file a modality, for one number of clips."""

from __future__ import annotations

from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import nn

from star.export.check import Written, check_features, random_clips
from star.export.mindir import export_mindir
from star.inference.run_network import RunNetwork
from star.types import MODALITIES, ClipBatch, Modality
from star.words import counted


def write_mindir(loaded: RunNetwork, folder: Path, clips: int) -> Written:
    """Write `visible.mindir` and `infrared.mindir`.

    Raises:
        ExportError: the files compute something else.
    """
    from star.models.embedder import Embedder

    batch = random_clips(loaded.description, clips)
    files, differences = [], []
    for modality in MODALITIES:
        path = folder / f"{modality}.mindir"
        export_mindir(Embedder(loaded.network, modality), path, batch.frames, batch.joints)
        compute = _Loaded(path)
        differences.append(check_features(path.name, compute, loaded, clips=(clips,), modalities=(modality,)))
        files.append(path)
    names = " and ".join(path.name for path in files)
    return Written(files, f"{names}: inputs frames, joints, {counted(clips, 'clip')} at a time; {max(differences)}")


class _Loaded:
    """A file as MindSpore computes it."""

    def __init__(self, path: Path) -> None:
        self._cell = nn.GraphCell(ms.load(str(path)))

    def __call__(self, batch: ClipBatch, modality: Modality) -> np.ndarray:
        return self._cell(ms.Tensor(batch.frames), ms.Tensor(batch.joints)).asnumpy()

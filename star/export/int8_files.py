"""The 8-bit model of a run's network, and the scores of the test set with and without it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from star.data.loader import EvaluationLoader
from star.engine.build_data import load_data
from star.evaluation.evaluator import Evaluation, rank_test_set
from star.export.check import Written
from star.export.int8 import quantise
from star.export.onnx_files import ONNX_FILE, portable, save_described
from star.inference.description import Description
from star.inference.onnx_file import load_onnx_model
from star.inference.run_network import RunNetwork
from star.types import MODALITIES, ClipBatch, Modality, Split, VideoReIDData

INT8_FILE = "model.int8.onnx"


def write_int8(loaded: RunNetwork, folder: Path, calibration_clips: int) -> Written:
    """Write `model.int8.onnx` and `model.int8.json` beside `model.onnx`.

    Args:
        loaded: its configuration names the data set.
        folder: has `model.onnx`.
        calibration_clips: of the training set, half of each modality.

    Raises:
        DataError: the data set cannot be read.
    """
    data = load_data(loaded.config)
    description = portable(loaded.description)
    path = folder / INT8_FILE
    convolutions = quantise(folder / ONNX_FILE, path, _clips(data.train, description, calibration_clips))
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    description = replace(description, variant=f"int8 {checksum}")
    save_described(onnx.load(path), path, description)
    before, after = (_scores(folder / name, data) for name in (ONNX_FILE, INT8_FILE))
    loss = before.mean_map() - after.mean_map()
    scores = {"float": before.metrics(), "int8": after.metrics()}
    about = save_described(onnx.load(path), path, description, calibration_clips=calibration_clips, scores=scores)
    said = (
        f"{path.name}: {convolutions} convolutions in 8 bits, ranges of {calibration_clips} training clips; mean "
        f"mAP of the test set {after.mean_map():.2f} instead of {before.mean_map():.2f}, a loss of {loss:.2f}"
    )
    return Written([path, about], said)


def _clips(split: Split, description: Description, clips: int) -> Iterator[tuple[ClipBatch, Modality]]:
    """Clips spread over a split, one by one, both modalities."""
    for modality in MODALITIES:
        tracklets = [tracklet for tracklet in split.tracklets if tracklet.modality == modality]
        chosen = np.linspace(0, len(tracklets) - 1, min(clips // 2, len(tracklets))).round().astype(int)
        part = replace(
            split,
            tracklets=tuple(tracklets[place] for place in chosen),
            skeletons=split.skeletons if description.uses_joints else None,
        )
        loader = EvaluationLoader(
            part, description.shape, description.reading, batch=1, workers=1, anaglyphs=description.anaglyphs
        )
        for batch in loader:
            yield batch, modality


def _scores(path: Path, data: VideoReIDData) -> Evaluation:
    model = load_onnx_model(path)
    return rank_test_set(
        data, {split.name: np.concatenate(list(model.embed_split(split))) for split in data.test_splits}
    )

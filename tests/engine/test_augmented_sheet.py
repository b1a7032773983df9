from __future__ import annotations

from pathlib import Path

import cv2

from star.config.check import check_overrides
from star.engine.check_data import check_data


def test_the_check_draws_the_first_training_batch(small: tuple[str, ...], tmp_path: Path):
    config = check_overrides(["experiment=weighted_greyscale", *small, "dataset.augmentation.weighted_greyscale=1"])
    path = tmp_path / "batch.png"
    assert f"first training batch: {path}" in check_data(config, augmented=path)
    sheet = cv2.imread(str(path))
    assert sheet is not None and sheet.shape == (2 * (192 + 22), 2 * 2 * 96 + 6, 3)
